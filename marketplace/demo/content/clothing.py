"""衣: a fashion house, a tailor, an outdoor brand."""

from marketplace.demo.content.kit import SILVER_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="subai",
        name=("素白", "Subai"),
        legal="素白服饰（杭州）有限公司",
        kind="retailer",
        scenarios=("clothing",),
        about="只做天然面料的杭州时装屋。",
        contact="林栖",
        rules=(
            "门店或线上旗舰店兑换，尺码以现货为准；未剪标可在七天内换码一次。",
            "At any store or the online flagship; sizes as in stock. One exchange of size within seven days, tags on.",
        ),
        places=(
            ("SB-HZ-01", ("素白·杭州湖滨", "Subai Hangzhou Lakeside"), "杭州", "上城区东坡路 7 号"),
            ("SB-SH-02", ("素白·上海新天地", "Subai Xintiandi"), "上海", "黄浦区马当路 245 号"),
        ),
        tax=130_000,
        commission=40_000,
    ),
    Brand(
        key="jiangyi",
        name=("匠衣定制", "Jiangyi Tailors"),
        legal="匠衣服装定制（宁波）有限公司",
        kind="retailer",
        scenarios=("clothing",),
        about="红帮裁缝第四代，量体三十六处。",
        contact="裘师傅",
        rules=(
            "须预约量体，工期约三周；免费试样一次，特殊面料需补差价。",
            "Measuring by appointment; about three weeks to make. One free fitting; special cloth at a surcharge.",
        ),
        places=(("JY-NB-01", ("匠衣·宁波南塘", "Jiangyi Nantang"), "宁波", "海曙区南塘老街 19 号"),),
        tax=130_000,
        days=45,
    ),
    Brand(
        key="yuanling",
        name=("远岭户外", "Yuanling Outdoor"),
        legal="远岭户外用品（北京）有限公司",
        kind="retailer",
        scenarios=("clothing", "shopping"),
        about="为中国的山与雨设计的户外装备。",
        contact="秦岳",
        rules=(
            "门店现场试穿后兑换；终身保养服务，质量问题一年内免费维修。",
            "Try on and collect in store; lifelong care, and free repair of defects within a year.",
        ),
        places=(
            ("YL-BJ-01", ("远岭·北京朝阳大悦城", "Yuanling Chaoyang Joy City"), "北京", "朝阳区朝阳北路 101 号"),
            ("YL-CD-02", ("远岭·成都东郊记忆", "Yuanling Eastern Suburb"), "成都", "成华区建设南支路 4 号"),
        ),
        tax=130_000,
    ),
)

OFFERS = (
    Sheet(
        brand="subai", sku="SB-SILK-SHIRT", scenario="clothing", art="shirt",
        title=("重磅真丝衬衫", "A heavyweight silk shirt"),
        text=(
            "19 姆米桑蚕丝，珍珠贝母扣，越洗越软。米白、墨绿、雾蓝三色可选。",
            "19-momme mulberry silk with mother-of-pearl buttons, softer with every wash. In ivory, dark green or mist blue.",
        ),
        terms=("每券限一件。", "One piece for each voucher."),
        points=5_600, value=699, pays=530, each=2, stock=300, likes=1.0,
    ),
    Sheet(
        brand="subai", sku="SB-CASHMERE-SCARF", scenario="clothing", art="scarf",
        title=("山羊绒围巾", "A cashmere scarf"),
        text=(
            "阿拉善白绒，200 克的暖意。可绣姓名缩写，送礼不落俗。",
            "White cashmere from Alxa, 200 grams of warmth. Initials embroidered if you like; a gift that is never ordinary.",
        ),
        terms=("刺绣需加工三天。", "Embroidery takes three days."),
        points=3_900, value=499, pays=372, each=3, stock=260, likes=1.4,
    ),
    Sheet(
        brand="subai", sku="SB-STYLIST-HOUR", scenario="clothing", art="hanger",
        title=("造型顾问一小时", "An hour with a stylist"),
        text=(
            "带上衣柜里最难搭的那件，顾问替您配出五套。当日购衣另享九折。",
            "Bring the piece you never know how to wear; the stylist builds five outfits around it. 10 % off anything you "
            "buy that day.",
        ),
        terms=("须提前一天预约。", "Book a day ahead."),
        points=1_500, value=200, pays=130, each=2, likes=0.7,
    ),
    Sheet(
        brand="jiangyi", sku="JY-SHIRT-BESPOKE", scenario="clothing", art="shirt",
        title=("量体定制衬衫一件", "A made-to-measure shirt"),
        text=(
            "三十六处量体、四种领型、二十款面料。开车的人，肩与袖都该合身。",
            "Thirty-six measurements, four collars, twenty cloths. Whoever drives deserves shoulders and sleeves that fit.",
        ),
        terms=("面料限长绒棉系列。", "From the long-staple cotton range."),
        points=6_800, value=880, pays=660, days=120, each=2, likes=0.9,
    ),
    Sheet(
        brand="jiangyi", sku="JY-ALTERATION", scenario="clothing", art="hanger",
        title=("西服修改服务一次", "One suit alteration"),
        text=(
            "腰身、袖长、裤脚，老衣服改一改就是新的。不限品牌。",
            "Waist, sleeves or hem: an old suit, altered, is a new one. Any brand.",
        ),
        terms=("限三处以内。", "Up to three changes."),
        points=800, value=120, pays=78, days=90, each=4, likes=1.0,
    ),
    Sheet(
        brand="yuanling", sku="YL-SHELL-JACKET", scenario="clothing", art="jacket",
        title=("三合一硬壳冲锋衣", "A three-in-one shell jacket"),
        text=(
            "防水 20K、可拆抓绒内胆，从川西的雨到东北的雪。反光滚边，夜里换胎也看得见您。",
            "20K waterproof with a zip-out fleece, from Sichuan rain to northeastern snow. Reflective piping, so that you are "
            "seen even changing a tyre at night.",
        ),
        terms=("每券限一件，颜色以现货为准。", "One for each voucher; colours as in stock."),
        points=9_900, value=1_299, pays=960, days=60, each=1, tiers=SILVER_UP, stock=150, likes=1.3,
    ),
    Sheet(
        brand="yuanling", sku="YL-HIKING-BOOTS", scenario="clothing", art="boot",
        title=("中帮防水徒步鞋", "Waterproof mid-cut hiking boots"),
        text=(
            "环保鞣制牛皮，抓地大底，第一天穿就不磨脚。",
            "Responsibly tanned leather and a sole that grips; no blisters on the first day.",
        ),
        terms=("尺码 35–46。", "Sizes 35 to 46."),
        points=6_600, value=899, pays=655, days=60, each=2, stock=220, likes=1.1,
    ),
    Sheet(
        brand="yuanling", sku="YL-MERINO-SOCKS", scenario="clothing", art="socks",
        title=("美利奴羊毛袜两双", "Two pairs of merino socks"),
        text=(
            "冬暖夏凉，连走三天也没有味道。后备箱里常备两双，总有用处。",
            "Warm in winter, cool in summer, fresh after three days on foot. Keep them in the boot; their day will come.",
        ),
        terms=("均码。", "One size."),
        points=680, value=98, pays=62, days=45, each=6, likes=2.2,
    ),
)  # fmt: skip
