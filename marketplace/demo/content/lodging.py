"""住: hotels and lodges."""

from marketplace.demo.content.kit import GOLD_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="huazhu",
        name=("华住酒店集团", "Huazhu Hotels"),
        legal="华住会员权益（示范）有限公司",
        kind="hotel_group",
        scenarios=("lodging", "travel"),
        about="汉庭、全季、桔子、花间堂等品牌，覆盖全国一千多座城市。",
        contact="许雯",
        rules=(
            "须提前一天在线或致电门店预订，以门店实际房态为准；入住时出示兑换券与有效证件。法定节假日及展会期间可能需补差价，券不找零、不可拆分。",
            "Book at least one day ahead online or by phone, subject to availability; show the voucher and an ID at check-in. "
            "A surcharge may apply on public holidays and trade-fair days. No change is given and a voucher cannot be split.",
        ),
        places=(
            ("HZ-SH-001", ("汉庭上海外滩店", "Hanting Shanghai Bund"), "上海", "黄浦区四川中路 188 号"),
            ("HZ-HZ-002", ("全季杭州西湖店", "Ji Hotel Hangzhou West Lake"), "杭州", "上城区延安路 66 号"),
            ("HZ-CD-003", ("桔子成都太古里店", "Orange Hotel Chengdu Taikoo Li"), "成都", "锦江区东大街 90 号"),
            ("HZ-LJ-004", ("花间堂丽江古城店", "Blossom House Lijiang Old Town"), "丽江", "古城区七一街 21 号"),
        ),
        commission=50_000,
    ),
    Brand(
        key="shanye",
        name=("山野集", "Shanye Lodges"),
        legal="山野集度假管理（湖州）有限公司",
        kind="hotel_group",
        scenarios=("lodging", "travel"),
        about="在莫干山、安吉与腾冲经营小而美的山居，房间不多，风景够用。",
        contact="顾远",
        rules=(
            "请至少提前三天电话预约；入住前 48 小时可免费改期一次。山区路窄，可为电动车预留充电车位。",
            "Please reserve by phone at least three days ahead; one free change of date up to 48 hours before arrival. "
            "Mountain roads are narrow; a charging bay can be kept for your car.",
        ),
        places=(
            ("SY-MGS", ("山野集·莫干山", "Shanye Moganshan"), "湖州", "德清县莫干山镇仙潭村 12 号"),
            ("SY-AJ", ("山野集·安吉", "Shanye Anji"), "湖州", "安吉县溪龙乡白茶谷 3 号"),
            ("SY-TC", ("山野集·腾冲", "Shanye Tengchong"), "保山", "腾冲市荷花镇温泉路 8 号"),
        ),
        commission=80_000,
    ),
)

OFFERS = (
    Sheet(
        brand="huazhu", sku="HZ-HANTING-COMFORT", scenario="lodging", art="hotel",
        title=("汉庭酒店舒适房一晚", "One night at a Hanting hotel, comfort room"),
        text=(
            "出差路上的一夜好眠：静音客房、深度洗护的床品、免费停车。全国 3,000 多家汉庭门店通用，到店即可为您的爱车找到车位。",
            "A sound night on the road: a quiet room, freshly laundered bedding and free parking, at any of more than "
            "3,000 Hanting hotels across the country.",
        ),
        terms=("限 2 人入住，不含早餐。", "For up to two guests; breakfast not included."),
        points=2_600, value=269, pays=228, days=90, each=6, likes=3.2,
    ),
    Sheet(
        brand="huazhu", sku="HZ-JI-WEEKEND", scenario="lodging", art="bed",
        title=("全季酒店周末房一晚（含双早）", "A weekend night at Ji Hotel with breakfast for two"),
        text=(
            "东方简约的客房、一杯温热的茶，和不必早起的周六。周五至周日任选一晚，含两份自助早餐。",
            "A calm, pared-back room, a cup of warm tea and a Saturday without an alarm. Any night from Friday to Sunday, "
            "with two buffet breakfasts.",
        ),
        terms=("限周五、周六、周日入住。", "Valid for Friday, Saturday and Sunday nights."),
        points=4_300, value=458, pays=385, days=90, each=4, likes=2.4,
    ),
    Sheet(
        brand="huazhu", sku="HZ-ORANGE-FAMILY", scenario="lodging", art="window",
        title=("桔子酒店亲子主题房一晚", "A night in an Orange Hotel family room"),
        text=(
            "一张大床、一顶小帐篷，还有给孩子的欢迎礼。两大一小，含早餐与晚间绘本时光。",
            "A big bed, a little tent and a welcome gift for the child. Two adults and one child, with breakfast and a "
            "bedtime picture book.",
        ),
        terms=("儿童身高 1.4 米以下。", "For one child under 1.4 m."),
        points=4_900, value=528, pays=438, days=90, each=3, stock=400, likes=1.3,
    ),
    Sheet(
        brand="huazhu", sku="HZ-BLOSSOM-COURT", scenario="lodging", art="courtyard",
        title=("花间堂庭院房一晚", "A courtyard room at Blossom House"),
        text=(
            "住进一座修复的老宅：白墙、天井、一树花。含下午茶与管家带路的古城夜游。",
            "Stay in a restored old mansion: white walls, an inner court, a tree in blossom. With afternoon tea and an "
            "evening walk through the old town led by your host.",
        ),
        terms=("适用丽江、苏州、阆中门店。", "Valid at the Lijiang, Suzhou and Langzhong houses."),
        points=9_800, value=1_080, pays=880, days=120, each=2, tiers=GOLD_UP, stock=120, likes=0.7,
    ),
    Sheet(
        brand="huazhu", sku="HZ-LATE-CHECKOUT", scenario="lodging", art="key",
        title=("酒店延迟退房至 16:00", "Late check-out until 4 p.m."),
        text=(
            "睡到自然醒，再从容出发。入住华住旗下任一酒店时出示，退房时间顺延至下午四点。",
            "Sleep in, then leave at your leisure. Show it during any stay at a Huazhu hotel and keep the room until "
            "four in the afternoon.",
        ),
        terms=("入住当日向前台申请。", "Ask at the front desk on the day of arrival."),
        points=300, value=80, pays=25, days=180, each=None, likes=3.0,
    ),
    Sheet(
        brand="shanye", sku="SY-CABIN-NIGHT", scenario="lodging", art="cabin",
        title=("林间木屋两天一晚", "A night in a forest cabin"),
        text=(
            "松林里的三角木屋，推窗见雾。晚上壁炉有柴，清晨有人把早餐放在门口。",
            "A timber A-frame among the pines, with mist outside the window. Wood for the stove at night, breakfast left "
            "at your door in the morning.",
        ),
        terms=("限 2 人，周五、周六加收 200 元。", "For two; 200 yuan extra on Fridays and Saturdays."),
        points=7_600, value=880, pays=690, days=120, each=2, stock=80, likes=1.2,
    ),
    Sheet(
        brand="shanye", sku="SY-STAR-TENT", scenario="lodging", art="tent",
        title=("星空帐篷一晚（含篝火晚餐）", "A night under the stars with a campfire dinner"),
        text=(
            "透明穹顶的帐篷、羽绒被、一堆篝火。厨师在草地上为您烤一条溪鱼，其余交给银河。",
            "A tent with a clear dome, down quilts and a fire. The cook grills a stream fish on the meadow; the Milky Way "
            "does the rest.",
        ),
        terms=("雨天可改期或改住木屋。", "In rain you may change the date or move into a cabin."),
        points=6_800, value=780, pays=620, days=90, each=2, stock=42, likes=1.1,
    ),
    Sheet(
        brand="shanye", sku="SY-HOT-SPRING", scenario="lodging", art="spring",
        title=("腾冲私汤客房一晚", "A room with a private hot spring in Tengchong"),
        text=(
            "院子里引来的热泉，42 度刚好。泡到月亮升起，再喝一碗当地的烤茶。",
            "Spring water drawn into your own courtyard, at just 42 degrees. Soak until the moon is up, then have a bowl "
            "of roasted tea.",
        ),
        terms=("限 2 人，含早餐与烤茶。", "For two, with breakfast and roasted tea."),
        points=8_800, value=980, pays=790, days=120, each=2, likes=0.9,
    ),
    Sheet(
        brand="shanye", sku="SY-TEA-BREAKFAST", scenario="lodging", art="teapot",
        title=("茶园早餐双人份", "Breakfast for two among the tea rows"),
        text=(
            "不住店也可以来：晨雾里的长桌、现蒸的米糕、刚采的白茶。",
            "Not staying? Come anyway: a long table in the morning mist, rice cakes from the steamer, white tea picked at dawn.",
        ),
        terms=("每日 7:00–10:00，安吉店。", "Daily from 7 to 10 a.m. at Anji."),
        points=880, value=128, pays=88, days=60, each=4, likes=1.6,
    ),
)  # fmt: skip
