"""行: the car maker's dealers in twenty cities, and what they do for a car."""

from marketplace.demo.content.kit import SILVER_UP, Both, Sheet

MAKER: Both = ("澜驰", "Lanchi")
"""The car maker of this world; there is no such one outside it."""

MODELS = ("澜驰 E3", "澜驰 E5 旅行版", "澜驰 S6", "澜驰 L7", "澜驰 X8", "澜驰 X9 六座版", "澜驰 M9")

DEALERS: tuple[tuple[str, Both, Both, str, str], ...] = (
    ("SHHQ", ("上海", "Shanghai"), ("虹桥", "Hongqiao"), "闵行区申虹路 1088 号", "章启"),
    ("BJYZ", ("北京", "Beijing"), ("亦庄", "Yizhuang"), "大兴区荣华中路 15 号", "石磊"),
    ("GZTH", ("广州", "Guangzhou"), ("天河", "Tianhe"), "天河区黄埔大道中 311 号", "梁家豪"),
    ("SZNS", ("深圳", "Shenzhen"), ("南山", "Nanshan"), "南山区北环大道 7003 号", "温锐"),
    ("HZBJ", ("杭州", "Hangzhou"), ("滨江", "Binjiang"), "滨江区江陵路 88 号", "俞航"),
    ("NJHX", ("南京", "Nanjing"), ("河西", "Hexi"), "建邺区应天大街 866 号", "秦川"),
    ("CDGX", ("成都", "Chengdu"), ("高新", "Gaoxin"), "高新区天府大道 1700 号", "杜宇"),
    ("CQYB", ("重庆", "Chongqing"), ("渝北", "Yubei"), "渝北区金开大道 1003 号", "熊峰"),
    ("WHGG", ("武汉", "Wuhan"), ("光谷", "Optics Valley"), "洪山区雄楚大道 938 号", "彭江"),
    ("XAQJ", ("西安", "Xi'an"), ("曲江", "Qujiang"), "雁塔区雁塔南路 300 号", "雷鸣"),
    ("SZGY", ("苏州", "Suzhou"), ("园区", "Industrial Park"), "工业园区星湖街 218 号", "钱塘"),
    ("TJBH", ("天津", "Tianjin"), ("滨海", "Binhai"), "滨海新区第二大街 62 号", "穆青"),
    ("QDLS", ("青岛", "Qingdao"), ("崂山", "Laoshan"), "崂山区海尔路 180 号", "孙浩"),
    ("DLGJ", ("大连", "Dalian"), ("甘井子", "Ganjingzi"), "甘井子区华北路 506 号", "迟明"),
    ("CSYL", ("长沙", "Changsha"), ("岳麓", "Yuelu"), "岳麓区麓谷大道 627 号", "向阳"),
    ("ZZZD", ("郑州", "Zhengzhou"), ("郑东", "Zhengdong"), "郑东新区商都路 39 号", "牛毅"),
    ("HFSS", ("合肥", "Hefei"), ("蜀山", "Shushan"), "蜀山区望江西路 800 号", "方正"),
    ("FZTJ", ("福州", "Fuzhou"), ("台江", "Taijiang"), "台江区江滨中大道 386 号", "林海"),
    ("KMGD", ("昆明", "Kunming"), ("官渡", "Guandu"), "官渡区春城路 219 号", "段云"),
    ("HRBSB", ("哈尔滨", "Harbin"), ("松北", "Songbei"), "松北区世茂大道 99 号", "佟立冬"),
)
"""Code, city, district, address, contact."""

RULES: Both = (
    "限本店使用，须提前一天预约；请携带行驶证，服务过程中的增项须经您签字确认。",
    "At this dealer only; book a day ahead and bring the registration. Nothing extra is done without your signature.",
)

SERVICES = (
    Sheet(
        brand="", sku="WASH", scenario="mobility", art="wash",
        title=("精致洗车一次", "A thorough car wash"),
        text=(
            "泡沫预洗、手工擦拭、内饰吸尘，四十分钟还您一台新车的样子。等候区有咖啡。",
            "Foam, hand drying and a vacuumed cabin: forty minutes to make it look new. Coffee while you wait.",
        ),
        terms=("限七座以下车型。", "For cars of up to seven seats."),
        points=380, value=58, pays=38, days=60, each=12, likes=3.4,
    ),
    Sheet(
        brand="", sku="SERVICE", scenario="mobility", art="wrench",
        title=("基础保养套餐", "A basic service"),
        text=(
            "三电检测、制动液与空调滤芯更换、四十二项安全检查，报告推送到手机。",
            "Battery, motor and control checked, brake fluid and cabin filter renewed, forty-two safety points; the report "
            "comes to your phone.",
        ),
        terms=("工时与材料全包。", "Labour and material included."),
        points=3_980, value=498, pays=398, days=120, each=3, likes=1.1,
    ),
    Sheet(
        brand="", sku="TYRES", scenario="mobility", art="tyre",
        title=("四轮定位与换位", "Wheel alignment and rotation"),
        text=(
            "方向跑偏、轮胎偏磨，一次调正。含动平衡与胎压学习。",
            "Pulling to one side, wearing unevenly? Set right in one visit, with balancing and pressure calibration.",
        ),
        terms=("改装车需现场评估。", "Modified cars are assessed on site."),
        points=1_680, value=220, pays=168, days=90, each=3, likes=1.0,
    ),
    Sheet(
        brand="", sku="COATING", scenario="mobility", art="shine",
        title=("漆面镀晶护理", "Ceramic paint protection"),
        text=(
            "去氧化、抛光、两层镀晶，雨水落上去会自己走。质保十二个月。",
            "Decontaminated, polished and coated twice; rain runs off by itself. Twelve months' guarantee.",
        ),
        terms=("施工约一天，可提供代步车。", "Takes a day; a courtesy car can be arranged."),
        points=7_800, value=980, pays=760, days=120, each=1, tiers=SILVER_UP, stock=60, likes=0.5,
    ),
    Sheet(
        brand="", sku="WINTER", scenario="mobility", art="snowtyre",
        title=("冬季轮胎更换与寄存", "Winter tyres fitted, summer tyres stored"),
        text=(
            "换上冬胎，夏胎清洗后恒温寄存到春天。",
            "Winter tyres go on; the summer set is washed and kept at an even temperature until spring.",
        ),
        terms=("轮胎自备或另购。", "Tyres are yours or bought separately."),
        points=1_480, value=198, pays=148, days=120, each=2, likes=0.9,
    ),
    Sheet(
        brand="", sku="PICKUP", scenario="mobility", art="pickup",
        title=("上门取送车服务", "We fetch your car and bring it back"),
        text=(
            "保养不必请假：专员上门取车，完工后送回，全程视频可看。",
            "No day off for a service: we fetch the car, return it when done, and you can watch on video.",
        ),
        terms=("单程 20 公里内。", "Within 20 km each way."),
        points=880, value=120, pays=86, days=90, each=6, likes=1.6,
    ),
    Sheet(
        brand="", sku="ACCESSORY", scenario="mobility", art="seat",
        title=("儿童安全座椅一张", "A child safety seat"),
        text=(
            "ISOFIX 接口、360 度旋转，适合 0–7 岁。门店免费安装并教您用。",
            "ISOFIX, turns all the way round, from birth to seven. We fit it and show you how.",
        ),
        terms=("颜色以现货为准。", "Colours as in stock."),
        points=9_800, value=1_280, pays=980, days=60, each=1, stock=25, likes=0.6,
    ),
    Sheet(
        brand="", sku="MATS", scenario="mobility", art="mats",
        title=("全包围脚垫一套", "A set of fitted floor mats"),
        text=(
            "按您的车型开模，防水、无味、十分钟装好。",
            "Moulded for your model, waterproof, odourless, in place in ten minutes.",
        ),
        terms=("限澜驰全系。", "For all Lanchi models."),
        points=2_980, value=368, pays=286, days=60, each=1, likes=0.9,
    ),
)  # fmt: skip

CHOICES = (
    ("WASH", "SERVICE"), ("COATING",), ("WASH", "PICKUP"), ("ACCESSORY",), ("SERVICE", "MATS"),
    ("WASH", "TYRES"), ("WASH",), ("PICKUP",), ("WASH", "TYRES"), ("SERVICE",),
    ("WASH", "MATS"), ("WINTER",), ("SERVICE",), ("WINTER", "COATING"), ("WASH",),
    ("TYRES", "PICKUP"), ("WASH",), ("MATS",), ("SERVICE", "WASH"), ("WINTER", "WASH"),
)  # fmt: skip
"""Which services each dealer offers, in the order of DEALERS."""
