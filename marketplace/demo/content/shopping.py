"""购: DJI, things for the home, books."""

from marketplace.demo.content.kit import GOLD_UP, SILVER_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="dji",
        name=("大疆 DJI", "DJI"),
        legal="大疆会员权益（示范）有限公司",
        kind="drone_maker",
        scenarios=("shopping", "learning", "entertainment"),
        about="无人机与手持影像设备，及慧飞培训课程。",
        contact="方航",
        rules=(
            "授权体验店自提，须携带兑换券与实名证件；享全国联保一年，激活后不支持无理由退换。",
            "Collect at an authorised store with the voucher and an ID. One year's warranty; no return once activated.",
        ),
        places=(
            (
                "DJI-SZ-01",
                ("大疆深圳万象天地旗舰店", "DJI Flagship Shenzhen MixC World"),
                "深圳",
                "南山区深南大道 9668 号",
            ),
            ("DJI-SH-02", ("大疆上海淮海路店", "DJI Shanghai Huaihai Road"), "上海", "黄浦区淮海中路 300 号"),
            ("DJI-BJ-03", ("大疆北京王府井店", "DJI Beijing Wangfujing"), "北京", "东城区王府井大街 138 号"),
        ),
        tax=130_000,
        commission=20_000,
    ),
    Brand(
        key="youyu",
        name=("优屿生活", "Youyu Living"),
        legal="优屿家居用品（厦门）有限公司",
        kind="retailer",
        scenarios=("shopping",),
        about="好用、耐看、修得好的家居日用。",
        contact="苏屿",
        rules=(
            "线上兑换包邮到家，或门店自提；七天无理由退换，产品保修两年。",
            "Free delivery, or collect in store. Seven days to change your mind, two years' warranty.",
        ),
        places=(("YY-XM-01", ("优屿·厦门万象城", "Youyu Xiamen MixC"), "厦门", "思明区湖滨东路 99 号"),),
        tax=130_000,
    ),
)

OFFERS = (
    Sheet(
        brand="dji", sku="DJI-MINI-KIT", scenario="shopping", art="drone",
        title=("DJI 迷你航拍机套装", "DJI mini drone kit"),
        text=(
            "不到 249 克，装进手套箱就能带走的视角。含三块电池与收纳包，自驾路上停车即飞。",
            "Under 249 grams: a point of view that fits the glove box. With three batteries and a bag; pull over and fly.",
        ),
        terms=("飞行前请查询当地空域规定。", "Check the local airspace rules before you fly."),
        points=28_800, value=3_288, pays=2_690, days=30, each=1, tiers=SILVER_UP, stock=60, likes=0.9,
    ),
    Sheet(
        brand="dji", sku="DJI-ACTION-CAM", scenario="shopping", art="camera",
        title=("DJI 运动相机", "DJI action camera"),
        text=(
            "超广角、强增稳、零下二十度也能开机。附车载吸盘支架，盘山公路自己会成片。",
            "Ultra-wide, steady, awake at twenty below. With a suction mount for the car: mountain roads film themselves.",
        ),
        terms=("标准套装，含一块电池。", "Standard kit with one battery."),
        points=19_800, value=2_298, pays=1_860, days=30, each=1, stock=80, likes=0.8,
    ),
    Sheet(
        brand="dji", sku="DJI-PHONE-GIMBAL", scenario="shopping", art="gimbal",
        title=("DJI 手机云台", "DJI phone gimbal"),
        text=(
            "展开即拍，手不再抖。智能跟随，孩子跑到哪里，镜头就到哪里。",
            "Unfold and film with a steady hand. It follows: wherever the child runs, the camera goes.",
        ),
        terms=("兼容主流手机。", "Fits most phones."),
        points=6_900, value=799, pays=640, days=30, each=2, stock=160, likes=1.3,
    ),
    Sheet(
        brand="dji", sku="DJI-FLIGHT-TASTER", scenario="entertainment", art="dronehill",
        title=("第一人称飞行体验", "First-person flight experience"),
        text=(
            "戴上眼镜，贴着树梢飞三分钟。心跳归心跳，摇杆归教练。",
            "Put on the goggles and skim the treetops for three minutes. The heartbeat is yours, the sticks your instructor's.",
        ),
        terms=("体验店现场预约。", "Book at the store."),
        points=880, value=129, pays=86, days=60, each=2, likes=1.6,
    ),
    Sheet(
        brand="youyu", sku="YY-DESK-LAMP", scenario="shopping", art="lamp",
        title=("护眼阅读台灯", "A reading lamp that is kind to the eyes"),
        text=(
            "全光谱、无频闪，光落在书页上，不落在眼睛里。",
            "Full spectrum, no flicker; the light falls on the page and not into your eyes.",
        ),
        terms=("两色可选。", "In two colours."),
        points=2_600, value=329, pays=246, days=60, each=2, stock=240, likes=1.3,
    ),
    Sheet(
        brand="youyu", sku="YY-CAST-IRON", scenario="shopping", art="pot",
        title=("珐琅铸铁锅 24 cm", "Enamelled cast-iron pot, 24 cm"),
        text=(
            "焖一锅红烧肉，或烤一炉面包，能用三代人。",
            "Braise pork in it or bake bread; it will last three generations.",
        ),
        terms=("绛红、墨绿两色。", "In deep red or dark green."),
        points=4_800, value=599, pays=455, days=60, each=2, stock=180, likes=1.0,
    ),
    Sheet(
        brand="youyu", sku="YY-SCENT-BOX", scenario="shopping", art="candle",
        title=("香薰礼盒", "A box of scents"),
        text=(
            "雪松、白茶、柚子三支蜡烛，外加一枚车载香片。",
            "Candles of cedar, white tea and pomelo, and a diffuser for the car.",
        ),
        terms=("明火请勿离人。", "Never leave a flame alone."),
        points=1_480, value=199, pays=142, days=60, each=4, likes=1.7,
    ),
    Sheet(
        brand="youyu", sku="YY-PICNIC-SET", scenario="shopping", art="picnic",
        title=("后备箱野餐套装", "A picnic set for the boot"),
        text=(
            "四人餐具、防潮垫、保温箱，收起来只有一个公文包大。",
            "Plates for four, a blanket and a cool box, folded to the size of a briefcase.",
        ),
        terms=("颜色随机。", "Colours vary."),
        points=2_980, value=369, pays=280, days=60, each=2, likes=1.5,
    ),
    Sheet(
        brand="banshan", sku="BS-BOOK-TOKEN", scenario="shopping", art="books",
        title=("图书券 100 元", "A book token of 100 yuan"),
        text=(
            "不替您选书，只替您买单。",
            "We do not choose your books; we only pay for them.",
        ),
        terms=("可叠加使用。", "May be combined."),
        points=960, value=100, pays=91, days=180, each=10, likes=2.0,
    ),
    Sheet(
        brand="dji", sku="DJI-MEMBER-DAY-DRONE", scenario="shopping", art="drone",
        title=("会员日限量：DJI 旗舰航拍机", "Member day only: DJI flagship drone"),
        text=(
            "三十台，先到先得。双镜头、四十五分钟续航，给真正要拍大片的人。",
            "Thirty of them, first come, first served. Two lenses and forty-five minutes in the air for those who mean it.",
        ),
        terms=("会员日 00:00 开始，每人限兑一台。", "From midnight on the member day, one for each member."),
        points=58_000, value=7_288, pays=6_100, days=30, each=1, tiers=GOLD_UP, stock=30, opens=9, likes=0.0,
    ),
)  # fmt: skip
