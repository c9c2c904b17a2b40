"""学: a school, a bookshop, DJI's flying school."""

from marketplace.demo.content.kit import SILVER_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="boya",
        name=("博雅学堂", "Boya Academy"),
        legal="博雅教育科技（北京）有限公司",
        kind="school",
        scenarios=("learning",),
        about="成人与少儿的小班课堂，线上线下同步。",
        contact="江若水",
        rules=(
            "兑换后 30 天内致电激活选班；开课前可改期一次，开课后不退换。",
            "Call within 30 days to choose a class; one change of date before it begins, none afterwards.",
        ),
        places=(
            ("BY-BJ-01", ("博雅学堂·中关村", "Boya Zhongguancun"), "北京", "海淀区中关村大街 27 号"),
            ("BY-XA-02", ("博雅学堂·曲江", "Boya Qujiang"), "西安", "雁塔区芙蓉西路 109 号"),
        ),
        tax=30_000,
        days=45,
    ),
    Brand(
        key="banshan",
        name=("半山书局", "Banshan Books"),
        legal="半山书局文化（南京）有限公司",
        kind="retailer",
        scenarios=("learning", "shopping"),
        about="开在山脚下的独立书店，晚上十点打烊。",
        contact="陆文渊",
        rules=(
            "全部门店与线上书店通用，不与店内会员折扣同享。",
            "At all shops and online; not together with the shop's own discounts.",
        ),
        places=(
            ("BS-NJ-01", ("半山书局·先锋路", "Banshan Xianfeng Road"), "南京", "鼓楼区广州路 173 号"),
            ("BS-XM-02", ("半山书局·沙坡尾", "Banshan Shapowei"), "厦门", "思明区大学路 64 号"),
        ),
        tax=90_000,
    ),
)

OFFERS = (
    Sheet(
        brand="boya", sku="BY-SPOKEN-ENGLISH", scenario="learning", art="speech",
        title=("英语口语十课时", "Ten lessons of spoken English"),
        text=(
            "四人小班，外教主讲，话题从点单到谈判。通勤路上可用配套音频复习。",
            "Four to a class with a native teacher, from ordering dinner to driving a bargain. Audio to review "
            "on the way to work.",
        ),
        terms=("含水平测试一次。", "With a placement test."),
        points=5_200, value=699, pays=525, days=120, each=2, likes=0.9,
    ),
    Sheet(
        brand="boya", sku="BY-CODING-TRIAL", scenario="learning", art="robot",
        title=("少儿编程体验课", "A first coding class for children"),
        text=(
            "九十分钟，让一台小车自己绕过障碍。孩子写的第一个程序，会动。",
            "Ninety minutes to teach a little car to find its own way. The first program a child writes should move.",
        ),
        terms=("7–12 岁，材料可带走。", "Ages 7 to 12; take the car home."),
        points=300, value=99, pays=45, days=60, each=2, likes=2.4,
    ),
    Sheet(
        brand="boya", sku="BY-SCIENCE-CAMP", scenario="learning", art="flask",
        title=("周末亲子科学营", "A weekend science camp for families"),
        text=(
            "两天一夜：白天做火箭与显微镜标本，夜里用望远镜找土星环。",
            "Two days and a night: rockets and microscopes by day, Saturn's rings through a telescope after dark.",
        ),
        terms=("一大一小，含食宿。", "One adult, one child, board and lodging included."),
        points=6_600, value=880, pays=690, days=120, each=2, stock=90, likes=0.9,
    ),
    Sheet(
        brand="boya", sku="BY-CALLIGRAPHY", scenario="learning", art="brush",
        title=("书法周末班（4 次）", "Four weekends of calligraphy"),
        text=(
            "从横竖撇捺写到一副春联。笔墨纸砚都备好了，人来就行。",
            "From the first stroke to a pair of New Year couplets. Brush, ink, paper and stone are ready; just come.",
        ),
        terms=("每周六下午。", "Saturday afternoons."),
        points=2_900, value=360, pays=272, days=90, each=2, likes=0.8,
    ),
    Sheet(
        brand="banshan", sku="BS-READING-CARD", scenario="learning", art="books",
        title=("年度阅读卡", "A reading card for a year"),
        text=(
            "每月一本编辑选书寄到家，附一封手写推荐信。十二本书，十二次拆封。",
            "A book a month chosen by the editors, with a handwritten letter. Twelve books, twelve parcels.",
        ),
        terms=("包邮，偏远地区除外。", "Free postage except to remote areas."),
        points=3_980, value=498, pays=395, days=60, each=2, likes=1.1,
    ),
    Sheet(
        brand="banshan", sku="BS-AUTHOR-EVENING", scenario="learning", art="books",
        title=("作家见面会座位", "A seat at an author's evening"),
        text=(
            "一个作家，五十把椅子，两小时。提问没有脚本，签名不限本数。",
            "One author, fifty chairs, two hours. No script for questions, no limit on signatures.",
        ),
        terms=("场次以书店公告为准。", "Dates as announced by the shop."),
        points=380, value=68, pays=38, days=60, each=4, stock=350, likes=1.7,
    ),
    Sheet(
        brand="dji", sku="DJI-AERIAL-CLASS", scenario="learning", art="dronehill",
        title=("航拍入门课（一天）", "A day of aerial photography"),
        text=(
            "上午学飞，下午学拍。教练带您在湖边完成第一支三十秒的短片。",
            "Fly in the morning, film in the afternoon. By the lake your instructor helps you make your first thirty seconds.",
        ),
        terms=("设备由学院提供。", "Equipment is provided."),
        points=2_400, value=299, pays=225, days=90, each=2, likes=1.5,
    ),
    Sheet(
        brand="dji", sku="DJI-PILOT-LICENCE", scenario="learning", art="dronehill",
        title=("无人机执照培训", "Training for a drone licence"),
        text=(
            "理论、模拟、实飞共五天，含一次考试费用。拿到证，飞得更远。",
            "Five days of theory, simulator and flying, with the fee of one examination. Licensed, you may go further.",
        ),
        terms=("年满 16 周岁。", "From the age of 16."),
        points=29_800, value=3_680, pays=2_950, days=180, each=1, tiers=SILVER_UP, stock=40, likes=0.4,
    ),
)  # fmt: skip
