"""娱: cinema, live music, karting."""

from marketplace.demo.content.kit import GOLD_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="xingmu",
        name=("星幕影城", "Xingmu Cinemas"),
        legal="星幕电影院线（北京）有限公司",
        kind="entertainment",
        scenarios=("entertainment",),
        about="一百二十家影城，每家都有一块激光巨幕。",
        contact="白露",
        rules=(
            "在星幕小程序选座时输入兑换码；不适用于首映礼、电影节与情人节场次，出票后不退换。",
            "Enter the code when choosing seats in the Xingmu app; not for premieres, festivals or Valentine's Day. Tickets "
            "once issued are final.",
        ),
        places=(
            ("XM-BJ-01", ("星幕·北京合生汇", "Xingmu Hopson One"), "北京", "朝阳区西大望路 21 号"),
            ("XM-GZ-02", ("星幕·广州天河", "Xingmu Tianhe"), "广州", "天河区天河路 208 号"),
        ),
        basis="on_issue",
        commission=30_000,
        days=15,
    ),
    Brand(
        key="shenglang",
        name=("声浪现场", "Shenglang Live"),
        legal="声浪文化传播（上海）有限公司",
        kind="entertainment",
        scenarios=("entertainment",),
        about="音乐节、小剧场和一间听黑胶的酒吧。",
        contact="贺声",
        rules=(
            "凭兑换码在演出前 48 小时内换取实名电子票，一人一证；演出延期可退回积分。",
            "Exchange the code for a named e-ticket within 48 hours before the show, one for each ID. Points are returned if a "
            "show is put off.",
        ),
        places=(("SL-SH-01", ("声浪·上海杨浦", "Shenglang Yangpu"), "上海", "杨浦区长阳路 1687 号"),),
        days=30,
    ),
    Brand(
        key="saidian",
        name=("赛点卡丁车", "Saidian Karting"),
        legal="赛点体育文化（南京）有限公司",
        kind="entertainment",
        scenarios=("entertainment",),
        about="室内电动卡丁车馆，弯道比直道多。",
        contact="马骋",
        rules=(
            "身高 1.4 米以上，须听取安全讲解并佩戴护具；酒后与孕期不可参加。",
            "From 1.4 m of height, after the safety briefing and with helmet. Not after alcohol or during pregnancy.",
        ),
        places=(("SD-NJ-01", ("赛点·南京河西", "Saidian Hexi"), "南京", "建邺区江东中路 98 号"),),
    ),
)

OFFERS = (
    Sheet(
        brand="xingmu", sku="XM-TICKET", scenario="entertainment", art="cinema",
        title=("电影票一张（2D/3D）", "One cinema ticket, 2D or 3D"),
        text=(
            "下班路上的一场电影。全国 120 家影城通用，周末不加价。",
            "A film on the way home. Good at 120 cinemas, no surcharge at weekends.",
        ),
        terms=("IMAX 与激光巨幕需补差价。", "IMAX and laser screens at a surcharge."),
        points=420, value=55, pays=36, days=60, each=None, likes=6.2,
    ),
    Sheet(
        brand="xingmu", sku="XM-IMAX-DUO", scenario="entertainment", art="cinema",
        title=("IMAX 双人票配爆米花", "IMAX for two with popcorn"),
        text=(
            "两个中间排的座位、一桶焦糖爆米花、两杯饮料。约会的万能答案。",
            "Two seats in the middle, a tub of caramel popcorn, two drinks. The answer to most evenings.",
        ),
        terms=("须同场使用。", "For the same show."),
        points=1_280, value=168, pays=124, days=60, each=6, likes=3.0,
    ),
    Sheet(
        brand="xingmu", sku="XM-PRIVATE-HALL", scenario="entertainment", art="stage",
        title=("20 人影厅包场", "A private screening for twenty"),
        text=(
            "生日、求婚，或者只是想和朋友一起看部老片。片单任选，大银幕前可致辞两分钟。",
            "A birthday, a proposal, or an old film among friends. Choose from the list; two minutes at the big "
            "screen are yours.",
        ),
        terms=("须提前七天预约。", "Book seven days ahead."),
        points=18_800, value=2_200, pays=1_760, days=120, each=1, tiers=GOLD_UP, stock=10, likes=0.5,
    ),
    Sheet(
        brand="shenglang", sku="SL-FESTIVAL-DAY", scenario="entertainment", art="stage",
        title=("草地音乐节单日票", "A day at the meadow festival"),
        text=(
            "两个舞台、十二支乐队、一片可以躺下的草地。车主专属入口与停车区。",
            "Two stages, twelve bands and grass to lie on. Members have their own gate and car park.",
        ),
        terms=("自备野餐垫，禁带玻璃瓶。", "Bring a blanket; no glass."),
        points=3_800, value=480, pays=365, days=60, each=2, stock=200, likes=1.6,
    ),
    Sheet(
        brand="shenglang", sku="SL-THEATRE", scenario="entertainment", art="theatre",
        title=("小剧场话剧票一张", "One seat in the small theatre"),
        text=(
            "三百个座位，离演员最近的地方只有两米。本季剧目随兑换页更新。",
            "Three hundred seats, the nearest two metres from the cast. The season's plays are listed when you "
            "exchange the code.",
        ),
        terms=("迟到者幕间入场。", "Latecomers enter at the interval."),
        points=2_280, value=280, pays=214, days=60, each=4, likes=1.2,
    ),
    Sheet(
        brand="shenglang", sku="SL-VINYL-NIGHT", scenario="entertainment", art="vinyl",
        title=("黑胶之夜入场券", "An evening of vinyl"),
        text=(
            "一张唱片从头听到尾，中间不说话。含一杯气泡酒或冷萃。",
            "One record from first groove to last, nobody talking. With a glass of sparkling wine or cold brew.",
        ),
        terms=("每周三、周六 20:00。", "Wednesdays and Saturdays at 8 p.m."),
        points=690, value=98, pays=64, days=45, each=4, likes=1.5,
    ),
    Sheet(
        brand="saidian", sku="SD-RACE", scenario="entertainment", art="kart",
        title=("卡丁车竞速 2 节", "Two heats of electric karting"),
        text=(
            "十六分钟，三十六个弯。成绩单会告诉您，谁才是家里的赛车手。",
            "Sixteen minutes, thirty-six bends. The result sheet says who is the family's racing driver.",
        ),
        terms=("含头盔与手套。", "Helmet and gloves included."),
        points=980, value=128, pays=92, days=60, each=5, likes=2.1,
    ),
    Sheet(
        brand="saidian", sku="SD-KIDS-CLASS", scenario="entertainment", art="kart",
        title=("少年赛车课一节", "A racing lesson for juniors"),
        text=(
            "一对一教练，从走线到刹车点。结课颁发少年车手证书。",
            "One coach, one child, from the racing line to the braking point. With a junior driver's certificate.",
        ),
        terms=("7–14 岁，须家长陪同。", "Ages 7 to 14, with a parent."),
        points=2_600, value=320, pays=240, days=90, each=3, likes=0.8,
    ),
)  # fmt: skip
