"""游: a ski resort and a travel agency."""

from marketplace.demo.content.kit import GOLD_UP, SILVER_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="xueling",
        name=("雪岭度假区", "Xueling Resort"),
        legal="雪岭旅游度假（吉林）有限公司",
        kind="travel_agency",
        scenarios=("travel", "entertainment", "lodging"),
        about="长白山脚下的四季度假区，雪季从十一月到次年四月。",
        contact="关雪",
        rules=(
            "以度假区当日开放情况为准，须提前一天预约；滑雪须自行评估身体状况并购买意外险。",
            "Subject to what is open that day; book a day ahead. Ski within your ability and carry accident insurance.",
        ),
        places=(("XL-JL-01", ("雪岭度假区游客中心", "Xueling Visitor Centre"), "吉林", "丰满区青山大街 888 号"),),
        tax=60_000,
        commission=50_000,
    ),
    Brand(
        key="xingzhi",
        name=("行知旅行", "Xingzhi Travel"),
        legal="行知国际旅行社（成都）有限公司",
        kind="travel_agency",
        scenarios=("travel", "learning"),
        about="小团慢行，每条线路有一位讲得明白的领队。",
        contact="安途",
        rules=(
            "兑换后 7 天内致电选定团期，名额以确认函为准；出发前 15 天可免费改期一次。",
            "Call within seven days to choose a date; your place is certain with our letter. One free change up "
            "to 15 days before.",
        ),
        places=(
            ("XZ-CD-01", ("行知旅行·成都总店", "Xingzhi Chengdu"), "成都", "青羊区宽窄巷子 18 号"),
            ("XZ-SH-02", ("行知旅行·上海", "Xingzhi Shanghai"), "上海", "长宁区愚园路 753 号"),
        ),
        tax=60_000,
        commission=60_000,
        days=45,
    ),
)

OFFERS = (
    Sheet(
        brand="xueling", sku="XL-DAY-PASS", scenario="travel", art="ski",
        title=("雪岭全日滑雪票", "A day pass for the slopes"),
        text=(
            "二十八条雪道、六条缆车。早上第一缆，粉雪还没有人踩过。",
            "Twenty-eight runs, six lifts. On the first chair of the morning the powder is still untouched.",
        ),
        terms=("不含雪具，雪季开放期间使用。", "Gear not included; during the season."),
        points=3_200, value=380, pays=295, days=150, each=4, stock=800, likes=1.8,
    ),
    Sheet(
        brand="xueling", sku="XL-BEGINNER", scenario="travel", art="ski",
        title=("初学者滑雪套餐", "A first day on skis"),
        text=(
            "半日团课、全套雪具、一份热可可。站得稳，才滑得远。",
            "Half a day's group lesson, all the gear and a hot chocolate. First stand, then glide.",
        ),
        terms=("6 周岁以上。", "From the age of six."),
        points=4_600, value=560, pays=430, days=150, each=3, likes=1.2,
    ),
    Sheet(
        brand="xueling", sku="XL-SKI-IN-LODGE", scenario="travel", art="mountain",
        title=("滑进滑出酒店两晚（含雪票）", "Two nights ski-in, ski-out with passes"),
        text=(
            "推开后门就是雪道。含双人两日雪票、早餐与室内温泉。",
            "The slope begins at the back door. With two days' passes for two, breakfast and the indoor spring.",
        ),
        terms=("春节期间不适用。", "Not during Chinese New Year."),
        points=15_800, value=1_980, pays=1_560, days=150, each=2, tiers=SILVER_UP, stock=70, likes=0.7,
    ),
    Sheet(
        brand="xueling", sku="XL-SPRING-FLOWERS", scenario="travel", art="mountain",
        title=("杜鹃花季观景缆车票", "Cable car to the azaleas in bloom"),
        text=(
            "五月的山顶，一半是雪一半是花。往返缆车加观景台下午茶。",
            "In May the summit is half snow, half blossom. Cable car both ways and tea on the terrace.",
        ),
        terms=("花期约三周，以公告为准。", "About three weeks; see the notice."),
        points=1_180, value=158, pays=112, days=60, each=4, opens=45, likes=0.0,
    ),
    Sheet(
        brand="xingzhi", sku="XZ-DUNHUANG-FIVE", scenario="travel", art="desert",
        title=("敦煌五日人文小团", "Five days in Dunhuang, a small group"),
        text=(
            "八人小团，莫高窟特窟两座，鸣沙山夜宿。领队是在洞窟里临摹过十年的人。",
            "Eight people, two caves that are seldom opened, a night on the Singing Sands, led by someone who copied the murals "
            "for ten years.",
        ),
        terms=("含四晚住宿与当地交通，不含机票。", "Four nights and local transport; flights not included."),
        points=60_000, value=6_980, pays=5_600, days=180, each=1, tiers=GOLD_UP, stock=16, likes=0.4,
    ),
    Sheet(
        brand="xingzhi", sku="XZ-YANGTZE-CRUISE", scenario="travel", art="cruise",
        title=("三峡游轮三日双人", "Three days on the Yangtze for two"),
        text=(
            "夔门、巫峡、神女峰。阳台房里泡一壶茶，两岸自己走过来。",
            "Kuimen, Wu Gorge, the Goddess Peak. Make tea on your balcony and let the banks come to you.",
        ),
        terms=("重庆登船，宜昌下船。", "Board at Chongqing, leave at Yichang."),
        points=32_000, value=3_880, pays=3_050, days=180, each=1, tiers=SILVER_UP, stock=40, likes=0.5,
    ),
    Sheet(
        brand="xingzhi", sku="XZ-CHUANXI-DRIVE", scenario="travel", art="roadtrip",
        title=("川西环线自驾四日（领队车）", "Four days driving western Sichuan, with a lead car"),
        text=(
            "您开自己的车，我们带路：对讲机、氧气、藏寨的晚饭都备好。",
            "Drive your own car and follow ours: radios, oxygen and supper in a Tibetan village are arranged.",
        ),
        terms=("海拔最高 4,300 米，请先体检。", "Up to 4,300 m; see a doctor first."),
        points=21_800, value=2_680, pays=2_120, days=180, each=1, stock=48, likes=0.7,
    ),
    Sheet(
        brand="xingzhi", sku="XZ-CITY-WALK", scenario="travel", art="lantern",
        title=("城市漫步半日", "Half a day's city walk"),
        text=(
            "梧桐、弄堂、一间老裁缝铺。十二座城市可选，一位讲故事的人带路。",
            "Plane trees, lanes, an old tailor's shop. Twelve cities to choose from, with a storyteller to lead you.",
        ),
        terms=("雨天照常，附雨衣。", "Rain or shine; ponchos provided."),
        points=980, value=138, pays=96, days=90, each=4, likes=1.9,
    ),
    Sheet(
        brand="xingzhi", sku="XZ-VISA", scenario="travel", art="passport",
        title=("签证代办一次", "One visa, handled for you"),
        text=(
            "材料清单、预约、送签、取回，全程不用您排队。",
            "Papers, appointment, submission and return; you queue for nothing.",
        ),
        terms=("不含使领馆费用。", "Consular fees not included."),
        points=1_280, value=168, pays=122, days=120, each=4, likes=1.0,
    ),
    Sheet(
        brand="xingzhi", sku="XZ-SUZHOU-GARDEN", scenario="travel", art="courtyard",
        title=("苏州园林晨游", "Suzhou gardens before opening time"),
        text=(
            "清晨六点半，园子里只有您、鸟和扫落叶的人。含昆曲一折与早面。",
            "At half past six there is nobody but you, the birds and the man who sweeps the leaves. With a scene "
            "of kunqu opera and "
            "a bowl of noodles.",
        ),
        terms=("每团不超过 10 人。", "At most ten in a group."),
        points=2_180, value=288, pays=210, days=90, each=2, state="in_review", likes=0.0,
    ),
)  # fmt: skip
