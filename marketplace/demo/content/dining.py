"""食: restaurants, coffee, a bakery."""

from marketplace.demo.content.kit import GOLD_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="shuxiang",
        name=("蜀香里火锅", "Shuxiangli Hotpot"),
        legal="蜀香里餐饮管理（成都）有限公司",
        kind="restaurant",
        scenarios=("dining",),
        about="牛油现炒、菜品现切的川味火锅，全国八十家门店。",
        contact="罗川",
        rules=(
            "堂食使用，提前一天订位可免排队；一桌一券，不与其他优惠同享，酒水与锅底加料另计。",
            "For eating in; book a day ahead to skip the queue. One voucher per table, not with other discounts; drinks and "
            "extra broth are charged separately.",
        ),
        places=(
            ("SX-CD-01", ("蜀香里·成都春熙路", "Shuxiangli Chunxi Road"), "成都", "锦江区总府路 35 号"),
            ("SX-SH-02", ("蜀香里·上海静安寺", "Shuxiangli Jing'an"), "上海", "静安区南京西路 1618 号"),
            ("SX-BJ-03", ("蜀香里·北京三里屯", "Shuxiangli Sanlitun"), "北京", "朝阳区工体北路 4 号"),
        ),
    ),
    Brand(
        key="shiguang",
        name=("拾光咖啡", "Shiguang Coffee"),
        legal="拾光咖啡（上海）有限公司",
        kind="restaurant",
        scenarios=("dining",),
        about="自家烘焙的精品咖啡馆，开在您上班的路口。",
        contact="叶知秋",
        rules=(
            "全国门店自取或堂饮，点单前出示兑换券；不可折现，外送平台不适用。",
            "At all cafés, to take away or stay; show the voucher before ordering. No cash value, not on delivery platforms.",
        ),
        places=(
            ("SG-SH-11", ("拾光·武康路", "Shiguang Wukang Road"), "上海", "徐汇区武康路 376 号"),
            ("SG-HZ-07", ("拾光·湖滨", "Shiguang Lakeside"), "杭州", "上城区湖滨路 28 号"),
            ("SG-SZ-05", ("拾光·南山", "Shiguang Nanshan"), "深圳", "南山区科苑路 15 号"),
        ),
        tax=30_000,
        days=15,
    ),
    Brand(
        key="jiangnan",
        name=("江南宴", "Jiangnan Table"),
        legal="江南宴酒楼（苏州）有限公司",
        kind="restaurant",
        scenarios=("dining",),
        about="一季一菜单的江南菜馆，蟹与春笋各有其时。",
        contact="沈嘉禾",
        rules=(
            "须提前两天预约，限堂食；包间收取 10% 服务费，券不找零。",
            "Reserve two days ahead; eat-in only. Private rooms carry a 10 % service charge; no change is given.",
        ),
        places=(
            ("JN-SZ-01", ("江南宴·平江路", "Jiangnan Table Pingjiang Road"), "苏州", "姑苏区平江路 102 号"),
            ("JN-SH-02", ("江南宴·外滩源", "Jiangnan Table Bund"), "上海", "黄浦区圆明园路 50 号"),
        ),
        commission=60_000,
    ),
)

OFFERS = (
    Sheet(
        brand="shuxiang", sku="SX-DUO-POT", scenario="dining", art="hotpot",
        title=("双人鸳鸯锅套餐", "Hotpot for two, half spicy, half mild"),
        text=(
            "一半红油翻滚，一半菌汤清亮。含鲜切牛肉、手工虾滑、毛肚等八道，辣度由您说了算。",
            "One half bubbling red, the other a clear mushroom broth. Eight dishes with hand-cut beef, shrimp paste and "
            "tripe; you decide how hot.",
        ),
        terms=("套餐菜品不可更换。", "Dishes of the set cannot be exchanged."),
        points=1_880, value=218, pays=172, days=60, each=6, likes=3.6,
    ),
    Sheet(
        brand="shuxiang", sku="SX-FAMILY-POT", scenario="dining", art="hotpot",
        title=("四人团圆锅", "Family hotpot for four"),
        text=(
            "一家人围着一口锅，就是周末该有的样子。十四道菜、四份蘸料、一份手工红糖糍粑。",
            "A family round one pot is what weekends are for. Fourteen dishes, four dips and sticky rice cakes with brown sugar.",
        ),
        terms=("周末须提前订位。", "Book ahead for weekends."),
        points=3_600, value=428, pays=338, days=60, each=4, likes=1.9,
    ),
    Sheet(
        brand="shuxiang", sku="SX-TRIPE", scenario="dining", art="bowl",
        title=("招牌鲜毛肚一份", "A plate of the house tripe"),
        text=(
            "七上八下，十五秒刚好脆。到店消费任意锅底，凭券送一份。",
            "Fifteen seconds in the pot, crisp as it should be. One plate on us with any broth you order.",
        ),
        terms=("每桌限用两份。", "Two per table at most."),
        points=388, value=58, pays=36, days=45, each=10, likes=2.6,
    ),
    Sheet(
        brand="shiguang", sku="SG-POUR-OVER", scenario="dining", art="coffee",
        title=("手冲咖啡一杯", "One pour-over coffee"),
        text=(
            "本周豆单任选一支，水温 92 度，三分钟的等待。车主专享，饮品升级大杯。",
            "Any bean of this week's list, water at 92 degrees, three minutes of patience. A large cup, because "
            "you are a member.",
        ),
        terms=("瑰夏等限定豆需补差价。", "Limited beans such as Gesha at a surcharge."),
        points=320, value=38, pays=24, days=30, each=None, likes=6.0,
    ),
    Sheet(
        brand="shiguang", sku="SG-TEN-CUPS", scenario="dining", art="coffee",
        title=("咖啡月卡（10 杯）", "A coffee card of ten cups"),
        text=(
            "一个月的早晨，十杯拿铁或美式。一次兑换，随到随取。",
            "A month of mornings: ten lattes or americanos. Redeem once, pick up whenever you pass.",
        ),
        terms=("首次使用起 31 天内有效。", "Good for 31 days from the first cup."),
        points=2_480, value=300, pays=205, days=60, each=4, likes=1.8,
    ),
    Sheet(
        brand="shiguang", sku="SG-BEAN-BOX", scenario="dining", art="gift",
        title=("产地咖啡豆礼盒", "A gift box of single-origin beans"),
        text=(
            "云南、埃塞俄比亚、哥伦比亚各 100 克，下单后现烘，附手冲指南。",
            "100 g each from Yunnan, Ethiopia and Colombia, roasted after you order, with a brewing guide.",
        ),
        terms=("烘焙需两天，门店自提。", "Roasting takes two days; pick up at a café."),
        points=1_080, value=138, pays=96, days=45, each=3, stock=500, likes=1.1,
    ),
    Sheet(
        brand="jiangnan", sku="JN-TASTING-DUO", scenario="dining", art="cloche",
        title=("双人时令品鉴菜单", "A seasonal tasting menu for two"),
        text=(
            "九道菜，从醉蟹到桂花糖藕，配两杯冬酿。菜单随节气更换，每次来都是新的。",
            "Nine courses from drunken crab to lotus root in osmanthus syrup, with two cups of winter wine. The menu turns "
            "with the season.",
        ),
        terms=("过敏与忌口请预约时告知。", "Tell us of allergies when you reserve."),
        points=5_800, value=688, pays=545, days=60, each=3, likes=1.0,
    ),
    Sheet(
        brand="jiangnan", sku="JN-CRAB-FEAST", scenario="dining", art="crab",
        title=("阳澄湖蟹宴（双人）", "Yangcheng Lake crab feast for two"),
        text=(
            "四只当季大闸蟹，蟹粉豆腐、蟹黄汤包，姜茶收尾。每年只有这几周。",
            "Four crabs of the season, tofu with crab roe, soup dumplings, ginger tea to close. Only these few weeks a year.",
        ),
        terms=("限量供应，售完即止。", "Limited; while supplies last."),
        points=8_800, value=1_088, pays=880, days=30, each=1, tiers=GOLD_UP, stock=36, opens=-45, closes=24, likes=1.3,
    ),
    Sheet(
        brand="jiangnan", sku="JN-CASH-100", scenario="dining", art="teapot",
        title=("100 元代金券", "A 100-yuan voucher"),
        text=(
            "零点菜品皆可使用，适合一个人的松鼠桂鱼，也适合一桌人的团圆饭。",
            "For anything on the menu: a squirrel fish for one, or a table for all.",
        ),
        terms=("满 300 元可用一张。", "One for each 300 yuan spent."),
        points=950, value=100, pays=92, days=90, each=10, likes=2.2,
    ),
)  # fmt: skip
