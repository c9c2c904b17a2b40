"""The states of an application; keys and checks of requirements, answers and locations; the first checklist, switched off."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from marketplace.platform.database import DB

ID = "2026-11-22T00:00:00:000012"
VERSION = "1.38.0"
DESCRIPTION = "onboarding: states, keys, checks, the first requirements"

_KINDS = (
    "ARRAY['hotel_group', 'drone_maker', 'restaurant', 'insurer', 'school', 'dealer', 'retailer', 'mobility', 'wellness',"
    " 'entertainment', 'bank', 'travel_agency', 'other']"
)

_ALL = "ARRAY[]::text[]"

STATEMENTS = [
    "ALTER TABLE partner DROP CONSTRAINT partner_status",
    "ALTER TABLE partner ADD CONSTRAINT partner_status_2 CHECK (status IN ('applied', 'in_review', 'changes_requested',"
    " 'approved', 'active', 'suspended', 'terminated', 'rejected'))",
    "ALTER TABLE requirement ADD CONSTRAINT requirement_code CHECK (code ~ '^[a-z][a-z0-9_]+$' AND length(code) <= 64)",
    "ALTER TABLE requirement ADD CONSTRAINT requirement_version CHECK (version > 0)",
    "ALTER TABLE requirement ADD CONSTRAINT requirement_kind CHECK (kind IN ('computed', 'attested', 'verified'))",
    # What operations verify they cannot have seen before the application is there.
    "ALTER TABLE requirement ADD CONSTRAINT requirement_gate CHECK (gate IN ('submit', 'approve')"
    " AND NOT (kind = 'verified' AND gate = 'submit'))",
    f"ALTER TABLE requirement ADD CONSTRAINT requirement_kinds CHECK (partner_kinds <@ {_KINDS})",
    "ALTER TABLE requirement_answer DROP CONSTRAINT requirement_answer_pkey, ADD PRIMARY KEY (partner_id, code)",
    "ALTER TABLE requirement_answer ADD CONSTRAINT requirement_answer_partner FOREIGN KEY (partner_id) REFERENCES partner (id)",
    "ALTER TABLE requirement_answer ADD CONSTRAINT requirement_answer_requirement FOREIGN KEY (code) REFERENCES requirement",
    "ALTER TABLE partner_location ADD CONSTRAINT partner_location_place CHECK ((latitude IS NULL) = (longitude IS NULL)"
    " AND latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180)",
    "ALTER TABLE partner_location ADD CONSTRAINT partner_location_state"
    " CHECK (state IN ('open', 'temporarily_closed', 'closed'))",
    # Switched off: an upgrade must not stop applications that are under way. Operations switch on what they want.
    "INSERT INTO requirement (code, version, kind, gate, title_zh, title_en, help_zh, help_en, partner_kinds, active, sort,"
    " changed_at) VALUES"
    " ('terms_accepted', 1, 'attested', 'submit', '接受平台规则', 'Accepts the rules of the marketplace',"
    f" '申请人确认已阅读并接受平台规则。', 'The applicant has read and accepts the rules.', {_ALL}, false, 10, now()),"
    " ('data_protection', 1, 'attested', 'submit', '个人信息保护承诺', 'Protects personal data',"
    f" '申请人承诺依照《个人信息保护法》处理数据。', 'Handles data as the PIPL wants it.', {_ALL}, false, 20, now()),"
    " ('registration_number_valid', 1, 'computed', 'submit', '统一社会信用代码有效', 'The credit code is sound',"
    f" '按 GB 32100-2015 校验。', 'Checked by GB 32100-2015.', {_ALL}, false, 30, now()),"
    " ('website_given', 1, 'computed', 'approve', '已填写官网', 'A website is given',"
    f" '申请资料中须有官网地址。', 'The application names a website.', {_ALL}, false, 40, now()),"
    " ('business_licence', 1, 'verified', 'approve', '营业执照', 'Business licence',"
    f" '运营核对营业执照并登记档案编号。', 'Operations see it and note its file number.', {_ALL}, false, 50, now()),"
    " ('insurance_licence', 1, 'verified', 'approve', '保险业务许可证', 'Insurance licence',"
    " '保险机构须提供许可证。', 'Insurers show their licence.', ARRAY['insurer'], false, 60, now()),"
    " ('food_licence', 1, 'verified', 'approve', '食品经营许可证', 'Food licence',"
    " '餐饮商户须提供许可证。', 'Restaurants show their licence.', ARRAY['restaurant'], false, 70, now())",
]


async def forwards() -> MigrationManager:
    """Run after the tables were made: Piccolo runs raw SQL of the same migration before them."""
    manager = MigrationManager(migration_id=ID, app_name="partners", description=DESCRIPTION)

    async def run() -> None:
        for statement in STATEMENTS:
            await DB.run_ddl(statement)

    manager.add_raw(run)
    return manager
