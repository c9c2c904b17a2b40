"""财: a bank and an insurer."""

from marketplace.demo.content.kit import GOLD_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="huitong",
        name=("汇通银行", "Huitong Bank"),
        legal="汇通银行股份有限公司信用卡中心",
        kind="bank",
        scenarios=("finance", "travel"),
        about="联名车主信用卡发卡行。",
        contact="曹汇",
        rules=(
            "仅限本人名下汇通账户使用，兑换后三个工作日内到账；不构成投资建议。",
            "For an account with Huitong in your own name, credited within three working days. Not investment advice.",
        ),
        places=(("HT-SH-00", ("汇通银行信用卡中心", "Huitong Card Centre"), "上海", "浦东新区银城中路 188 号"),),
        basis="on_issue",
        days=15,
    ),
    Brand(
        key="antai",
        name=("安泰保险", "Antai Insurance"),
        legal="安泰财产保险股份有限公司",
        kind="insurer",
        scenarios=("finance", "wellness", "travel"),
        about="驾乘、旅行与家财险，理赔平均两天。",
        contact="钱安",
        rules=(
            "以保险合同条款为准，投保前请阅读责任免除；兑换后次日零时生效，七天内可退。",
            "The policy's terms prevail; read the exclusions first. In force from the following midnight, with seven days to "
            "change your mind.",
        ),
        places=(("AT-BJ-00", ("安泰保险客户中心", "Antai Customer Centre"), "北京", "西城区金融大街 33 号"),),
        basis="on_issue",
        days=30,
    ),
)

OFFERS = (
    Sheet(
        brand="huitong", sku="HT-LOUNGE-TWO", scenario="finance", art="plane",
        title=("机场贵宾厅两次", "Two visits to airport lounges"),
        text=(
            "全国 180 间贵宾厅，登机前坐下来好好吃顿饭。",
            "180 lounges across the country: sit down to a proper meal before boarding.",
        ),
        terms=("须同日航班登机牌。", "With a boarding pass of the same day."),
        points=2_200, value=300, pays=210, days=180, each=4, likes=1.5,
    ),
    Sheet(
        brand="huitong", sku="HT-CASHBACK-50", scenario="finance", art="coins",
        title=("信用卡立减金 50 元", "50 yuan off your next card bill"),
        text=(
            "绑定联名卡即刻到账，下一笔消费自动抵扣。",
            "Linked to your club card at once and taken off the next purchase by itself.",
        ),
        terms=("单笔满 51 元可用。", "For a purchase of 51 yuan or more."),
        points=485, value=50, pays=48, days=60, each=12, likes=3.8,
    ),
    Sheet(
        brand="huitong", sku="HT-GOLD-GRAM", scenario="finance", art="ingot",
        title=("投资金条 1 克", "One gram of gold"),
        text=(
            "足金 999.9，独立编号封装。攒着攒着，就成了压岁钱。",
            "999.9 fine, numbered and sealed. Saved up one by one, they make a New Year's gift.",
        ),
        terms=("网点自提，金价波动不补差。", "Collect at a branch; no adjustment for the gold price."),
        points=8_600, value=950, pays=905, days=60, each=5, tiers=GOLD_UP, stock=200, likes=0.8,
    ),
    Sheet(
        brand="huitong", sku="HT-ANNUAL-FEE", scenario="finance", art="card",
        title=("白金信用卡首年免年费", "First year of a platinum card without fee"),
        text=(
            "含道路救援、航班延误险与生日月双倍积分。",
            "With roadside assistance, flight-delay cover and double points in your birthday month.",
        ),
        terms=("以审批结果为准。", "Subject to approval."),
        points=1_800, value=600, pays=160, days=60, each=1, likes=0.9,
    ),
    Sheet(
        brand="antai", sku="AT-DRIVER-YEAR", scenario="finance", art="shield",
        title=("驾乘意外险一年", "Driver and passenger cover for a year"),
        text=(
            "保人也保车上每一位：五座每座最高 50 万元，充电与换胎途中同样有效。",
            "Cover for you and everyone in the car: up to 500,000 yuan a seat, charging and changing tyres included.",
        ),
        terms=("限非营运九座以下车辆。", "For private cars of up to nine seats."),
        points=980, value=128, pays=98, days=30, each=2, likes=2.4,
    ),
    Sheet(
        brand="antai", sku="AT-TRIP-SEVEN", scenario="finance", art="umbrella",
        title=("境内自驾游保险 7 天", "Seven days of road-trip insurance"),
        text=(
            "意外、医疗、行程取消一并保障，全家可加。",
            "Accident, medical care and a cancelled trip in one, for the whole family if you like.",
        ),
        terms=("最多 5 位被保险人。", "Up to five insured."),
        points=520, value=68, pays=50, days=60, each=6, likes=2.0,
    ),
    Sheet(
        brand="antai", sku="AT-WALLBOX", scenario="finance", art="shield",
        title=("家用充电桩责任险一年", "A year's liability cover for your wallbox"),
        text=(
            "漏电、起火、被撞，物业要的那张保单我们来出。",
            "Leakage, fire or a collision: the policy your property manager asks for.",
        ),
        terms=("每张保单一个桩。", "One wallbox for each policy."),
        points=780, value=99, pays=76, days=30, each=2, likes=1.4,
    ),
    Sheet(
        brand="antai", sku="AT-HOME-YEAR", scenario="finance", art="house",
        title=("家庭财产险一年", "Home contents insurance for a year"),
        text=(
            "水管爆裂、盗抢、阳台坠物，出门远行少一份惦记。",
            "Burst pipes, theft, things that fall off balconies: one worry less when you are far from home.",
        ),
        terms=("自住房屋适用。", "For a home you live in."),
        points=1_280, value=168, pays=130, days=30, each=2, likes=1.0,
    ),
)  # fmt: skip
