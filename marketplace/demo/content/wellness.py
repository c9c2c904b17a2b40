"""健: a gym, a health centre, a spa."""

from marketplace.demo.content.kit import SILVER_UP, Brand, Sheet

BRANDS = (
    Brand(
        key="yuedong",
        name=("跃动健身", "Yuedong Fitness"),
        legal="跃动体育发展（上海）有限公司",
        kind="wellness",
        scenarios=("wellness",),
        about="二十四小时健身房与恒温泳池，六十家门店。",
        contact="程跃",
        rules=(
            "首次到店须签署健康声明；私教与团课须提前 12 小时预约，爽约视为已用。",
            "Sign a health declaration on the first visit. Book trainers and classes 12 hours ahead; a missed "
            "class counts as used.",
        ),
        places=(
            ("YD-SH-01", ("跃动·上海徐家汇", "Yuedong Xujiahui"), "上海", "徐汇区肇嘉浜路 1111 号"),
            ("YD-HZ-02", ("跃动·杭州滨江", "Yuedong Binjiang"), "杭州", "滨江区江南大道 228 号"),
        ),
    ),
    Brand(
        key="kangyue",
        name=("康悦健康", "Kangyue Health"),
        legal="康悦健康管理（广州）有限公司",
        kind="wellness",
        scenarios=("wellness",),
        about="体检、口腔与推拿中心，报告由医生当面解读。",
        contact="钟医生",
        rules=(
            "须提前两天预约，体检当日空腹；结果仅本人可查，机构不向车企提供任何健康信息。",
            "Book two days ahead, come fasting for a check-up. Results are yours alone; nothing about your "
            "health goes to the car maker.",
        ),
        places=(
            ("KY-GZ-01", ("康悦·珠江新城", "Kangyue Zhujiang New Town"), "广州", "天河区华夏路 30 号"),
            ("KY-SH-02", ("康悦·陆家嘴", "Kangyue Lujiazui"), "上海", "浦东新区世纪大道 1600 号"),
            ("KY-BJ-03", ("康悦·望京", "Kangyue Wangjing"), "北京", "朝阳区阜通东大街 6 号"),
        ),
        days=45,
    ),
)

OFFERS = (
    Sheet(
        brand="yuedong", sku="YD-MONTH", scenario="wellness", art="dumbbell",
        title=("健身月卡", "A month at the gym"),
        text=(
            "二十四小时开放，凌晨两点也有灯。含体测一次与储物柜。",
            "Open round the clock, lit even at two in the morning. With one body check and a locker.",
        ),
        terms=("激活后 31 天有效。", "Good for 31 days from activation."),
        points=2_600, value=328, pays=240, days=60, each=3, likes=1.5,
    ),
    Sheet(
        brand="yuedong", sku="YD-TRAINER", scenario="wellness", art="dumbbell",
        title=("私教课一节", "One session with a personal trainer"),
        text=(
            "久坐驾驶者专项：肩颈、髋部、腰背。六十分钟，动作学会了就是自己的。",
            "For those who sit and drive: neck, hips and back. Sixty minutes, and what you learn is yours to keep.",
        ),
        terms=("限首次体验教练。", "With a trainer you have not had before."),
        points=1_980, value=260, pays=188, days=60, each=4, likes=1.0,
    ),
    Sheet(
        brand="yuedong", sku="YD-YOGA-FIVE", scenario="wellness", art="lotus",
        title=("瑜伽次卡（5 次）", "Five yoga classes"),
        text=(
            "清晨流、午间舒展、睡前修复，三个时段任选。",
            "Morning flow, midday stretch, evening restore; choose your hour.",
        ),
        terms=("可与家人共用。", "May be shared with family."),
        points=3_200, value=400, pays=300, days=90, each=3, likes=1.1,
    ),
    Sheet(
        brand="yuedong", sku="YD-SWIM", scenario="wellness", art="swim",
        title=("恒温泳池单次券", "One swim in the heated pool"),
        text=(
            "25 米标准泳道，水温 28 度。下班后的四十分钟，只听得见水声。",
            "A 25-metre lane at 28 degrees. Forty minutes after work with nothing to hear but water.",
        ),
        terms=("须佩戴泳帽。", "Swimming cap required."),
        points=380, value=58, pays=36, days=45, each=10, likes=2.7,
    ),
    Sheet(
        brand="kangyue", sku="KY-CHECKUP", scenario="wellness", art="heart",
        title=("深度体检套餐", "A thorough health check"),
        text=(
            "七十六项检查，半天完成。三天后医生用二十分钟把报告讲明白。",
            "Seventy-six tests in half a day, and three days later a doctor takes twenty minutes to explain them.",
        ),
        terms=("18 周岁以上。", "From the age of 18."),
        points=8_800, value=1_180, pays=880, days=120, each=2, likes=1.0,
    ),
    Sheet(
        brand="kangyue", sku="KY-PARENTS", scenario="wellness", art="heart",
        title=("父母安心体检", "A health check for your parents"),
        text=(
            "心脑血管、骨密度、眼底，专为六十岁以上设计。可安排专车接送。",
            "Heart, bones and eyes, made for those past sixty. A car can fetch them and take them home.",
        ),
        terms=("可转赠直系亲属。", "May be given to parents or grandparents."),
        points=6_800, value=880, pays=660, days=120, each=2, tiers=SILVER_UP, likes=1.2,
    ),
    Sheet(
        brand="kangyue", sku="KY-DENTAL", scenario="wellness", art="smile",
        title=("超声波洁牙一次", "One dental cleaning"),
        text=(
            "三十分钟，含检查与抛光。笑的时候更有底气。",
            "Thirty minutes with check-up and polish. Smile as if you mean it.",
        ),
        terms=("孕期请先咨询。", "Ask first during pregnancy."),
        points=1_280, value=188, pays=126, days=90, each=4, likes=1.8,
    ),
    Sheet(
        brand="kangyue", sku="KY-TUINA", scenario="wellness", art="stones",
        title=("肩颈推拿 60 分钟", "Sixty minutes of tuina for neck and shoulders"),
        text=(
            "长途之后最想要的一小时。持证理疗师，手法轻重由您。",
            "The hour you want after a long drive. Certified hands, as firm as you like.",
        ),
        terms=("饭后一小时内不宜。", "Not within an hour after a meal."),
        points=1_380, value=188, pays=134, days=60, each=6, likes=2.3,
    ),
)  # fmt: skip
