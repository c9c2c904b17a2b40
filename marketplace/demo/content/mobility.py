"""行: charging, rental, parking. The dealers stand in `dealers.py`."""

from marketplace.demo.content.kit import SILVER_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="chidian",
        name=("驰电充电", "Chidian Charging"),
        legal="驰电新能源服务（深圳）有限公司",
        kind="mobility",
        scenarios=("mobility",),
        about="高速与城区一万二千座快充站。",
        contact="邓锐",
        rules=(
            "在驰电 App 的“卡券”中输入兑换码即到账；全国自营站通用，停车费与超时占位费自理。",
            "Enter the code under “Vouchers” in the Chidian app; good at all own stations. Parking and idle fees are yours.",
        ),
        places=(
            ("CD-G15-SH", ("驰电·沈海高速嘉定服务区", "Chidian Jiading services, G15"), "上海", "嘉定区沈海高速 K1263"),
            ("CD-SZ-QH", ("驰电·深圳前海", "Chidian Qianhai"), "深圳", "南山区前湾一路 63 号"),
            ("CD-WH-GG", ("驰电·武汉光谷", "Chidian Optics Valley"), "武汉", "洪山区珞喻路 889 号"),
        ),
        basis="on_issue",
        tax=60_000,
        days=15,
    ),
    Brand(
        key="tuan",
        name=("途安出行", "Tu'an Mobility"),
        legal="途安汽车租赁（海口）有限公司",
        kind="mobility",
        scenarios=("mobility", "travel"),
        about="机场取还车与代客泊车，覆盖四十座城市。",
        contact="符海涛",
        rules=(
            "须提前一天在途安小程序预约；驾龄满一年，租车押金以信用免押为准。",
            "Book a day ahead in the Tu'an app. One year of driving experience; deposits are waived by credit.",
        ),
        places=(
            ("TA-HAK", ("途安·海口美兰机场", "Tu'an Haikou Airport"), "海口", "美兰机场 T2 停车楼 3 层"),
            ("TA-CTU", ("途安·成都天府机场", "Tu'an Chengdu Tianfu Airport"), "成都", "天府机场 T2 综合交通中心"),
        ),
        tax=90_000,
    ),
)

OFFERS = (
    Sheet(
        brand="chidian", sku="CD-100KWH", scenario="mobility", art="charger",
        title=("快充 100 度电", "100 kWh of fast charging"),
        text=(
            "够您从上海开到黄山再回来。到账即用，先到期的先抵扣。",
            "Enough to drive from Shanghai to Huangshan and back. Credited at once, oldest energy used first.",
        ),
        terms=("含服务费，有效期内不限次数。", "Service fee included; any number of sessions."),
        points=980, value=130, pays=104, days=90, each=8, likes=4.6,
    ),
    Sheet(
        brand="chidian", sku="CD-NIGHT-MONTH", scenario="mobility", art="charger",
        title=("夜间充电月卡", "A month of night charging"),
        text=(
            "每晚 23:00 至次日 7:00 免服务费，共 300 度封顶。省下的都是睡觉时挣的。",
            "No service fee from 11 p.m. to 7 a.m., up to 300 kWh. Money saved in your sleep.",
        ),
        terms=("激活后 31 天有效。", "Good for 31 days from activation."),
        points=2_680, value=320, pays=246, days=60, each=3, likes=1.2,
    ),
    Sheet(
        brand="tuan", sku="TA-WEEKEND-SUV", scenario="mobility", art="suv",
        title=("周末两日 SUV 用车", "An SUV for the weekend"),
        text=(
            "落地就有车：机场取还、满电交付，含基础保障与儿童座椅一张。",
            "A car when you land: airport pick-up and return, fully charged, basic cover and a child seat included.",
        ),
        terms=("周五 12:00 至周日 22:00 之间任选 48 小时。", "Any 48 hours between Friday noon and Sunday 10 p.m."),
        points=3_800, value=468, pays=362, days=90, each=3, likes=1.2,
    ),
    Sheet(
        brand="tuan", sku="TA-VALET", scenario="mobility", art="parking",
        title=("机场代客泊车一次", "Airport valet parking"),
        text=(
            "车开到航站楼门口，钥匙交给我们；落地前车已经等在原处。含三天停放。",
            "Drive up to the terminal and hand us the key; when you land the car is waiting. Three days of parking included.",
        ),
        terms=("超出三天按每日 40 元计。", "40 yuan for each day beyond three."),
        points=680, value=98, pays=66, days=90, each=6, likes=2.0,
    ),
    Sheet(
        brand="tuan", sku="TA-LONG-HAUL-DRIVER", scenario="mobility", art="road",
        title=("长途代驾（300 公里内）", "A chauffeur for up to 300 km"),
        text=(
            "返程不想开了？一位十年驾龄的师傅接过方向盘，您在后排看风景。",
            "Too tired for the drive home? A driver of ten years' standing takes the wheel while you watch the scenery.",
        ),
        terms=("过路费与充电费自理。", "Tolls and charging are yours."),
        points=5_200, value=680, pays=520, days=90, each=2, tiers=SILVER_UP, likes=0.6,
    ),
)  # fmt: skip
