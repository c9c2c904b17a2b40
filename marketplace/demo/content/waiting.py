"""Companies and offers that are not on sale yet: what operations find in their queues on the first morning."""

from marketplace.demo.content.kit import Brand, Sheet

APPLICANTS = (
    Brand(
        key="muge",
        name=("牧歌营地", "Muge Camps"),
        legal="牧歌露营文化（呼伦贝尔）有限公司",
        kind="other",
        scenarios=("travel", "lodging"),
        about="草原上的六处营地，希望为车主开放星空车位与房车补给。",
        contact="巴特尔",
        rules=("", ""),
        places=(),
    ),
    Brand(
        key="zhiwei",
        name=("知味烘焙", "Zhiwei Bakery"),
        legal="知味食品（无锡）有限公司",
        kind="restaurant",
        scenarios=("dining",),
        about="四十家社区面包房，希望以早餐套餐加入。",
        contact="浦小麦",
        rules=("", ""),
        places=(),
    ),
    Brand(
        key="kuaijin",
        name=("快金理财", "Kuaijin Wealth"),
        legal="快金信息咨询有限公司",
        kind="other",
        scenarios=("finance",),
        about="高收益理财推荐。",
        contact="金先生",
        rules=("无金融业务许可证，不符合准入条件。", "no licence for financial business"),
        places=(),
    ),
)
"""The last one was declined; its rules say why."""

OFFERS = (
    Sheet(
        brand="shiguang", sku="SG-WINTER-LATTE", scenario="dining", art="coffee",
        title=("冬季限定桂花拿铁", "Winter osmanthus latte"),
        text=(
            "今年的金桂、现萃浓缩、一点点米酿。预计下月上市。",
            "This year's osmanthus, fresh espresso, a little rice wine. Coming next month.",
        ),
        terms=("热饮限定。", "Hot only."),
        points=360, value=42, pays=28, days=30, each=6, opens=12, likes=0.0,
    ),
    Sheet(
        brand="subai", sku="SB-LINEN-DRESS", scenario="clothing", art="hanger",
        title=("夏季亚麻连衣裙", "A linen dress for summer"),
        text=("还在打版，尺码表待补。", "Still at the pattern stage; size chart to follow."),
        terms=("待定。", "To be settled."),
        points=4_200, value=559, pays=420, each=2, state="draft", likes=0.0,
    ),
    Sheet(
        brand="yuedong", sku="YD-ROWING", scenario="wellness", art="swim",
        title=("划船机团课一节", "A rowing class"),
        text=("四十五分钟，听着浪声划完五公里。", "Forty-five minutes and five kilometres to the sound of waves."),
        terms=("须预约。", "By appointment."),
        points=580, value=88, pays=58, each=6, state="draft", likes=0.0,
    ),
    Sheet(
        brand="shenglang", sku="SL-NEW-YEAR", scenario="entertainment", art="stage",
        title=("跨年音乐会 VIP 席", "New Year's Eve concert, VIP seat"),
        text=("零点的钟声由现场乐队敲响。", "At midnight the band itself strikes the bell."),
        terms=("实名入场。", "Named ticket."),
        points=6_800, value=880, pays=680, each=2, stock=80, state="in_review", likes=0.0,
    ),
    Sheet(
        brand="huitong", sku="HT-FUND-TRIAL", scenario="finance", art="coins",
        title=("理财体验金", "A taste of investing"),
        text=("新客专享，收益可提现。", "For new customers; returns can be withdrawn."),
        terms=("以产品说明为准。", "See the product's terms."),
        points=300, value=88, pays=20, each=1, state="rejected", likes=0.0,
    ),
    Sheet(
        brand="tuan", sku="TA-CAMPERVAN", scenario="mobility", art="suv",
        title=("房车三日租赁", "Three days with a campervan"),
        text=(
            "会移动的两室一厅，厨房在后备箱。车辆例行检修中，下月恢复。",
            "Two rooms that move, with a kitchen in the back. Off the road for its service; back next month.",
        ),
        terms=("驾龄满三年。", "Three years of driving experience."),
        points=12_800, value=1_580, pays=1_260, each=1, state="paused", likes=0.0,
    ),
)  # fmt: skip
"""Scheduled, drafts, in review, rejected, paused: one sees every state of an offer."""
