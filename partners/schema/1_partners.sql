-- Partners, their history, locations and checklist. Edited in place until 0.1.0 (docs/decisions/0031-schema-files.md).
-- The table classes of the package say the same, and a test holds the two together.

-- A company, from its application on. `version` counts every change of its status and of its contracts.
CREATE TABLE partner (
    id uuid PRIMARY KEY,
    status text NOT NULL
        CONSTRAINT partner_status CHECK (
            status IN ('applied', 'in_review', 'changes_requested', 'approved', 'active', 'suspended', 'terminated',
                'rejected')
        ),
    version bigint NOT NULL CONSTRAINT partner_version CHECK (version > 0),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    legal_name text NOT NULL,
    registration_number text NOT NULL,
    kind text NOT NULL
        CONSTRAINT partner_kind CHECK (
            kind IN ('hotel_group', 'drone_maker', 'restaurant', 'insurer', 'school', 'dealer', 'retailer',
                'mobility', 'wellness', 'entertainment', 'bank', 'travel_agency', 'other')
        ),
    contact jsonb NOT NULL,
    website text,
    scenarios text[] NOT NULL
        CONSTRAINT partner_scenarios CHECK (
            cardinality(scenarios) > 0
            AND scenarios <@ ARRAY['clothing', 'dining', 'lodging', 'mobility', 'entertainment', 'learning',
                'shopping', 'wellness', 'finance', 'travel']
        ),
    description text NOT NULL,
    application_token_hash bytea NOT NULL,
    applied_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX partner_by_status ON partner (status, id);

-- The changes of a partner's status: who, when and why. Append only.
CREATE TABLE partner_history (
    seq bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    partner_id uuid NOT NULL CONSTRAINT partner_history_partner REFERENCES partner (id),
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    before text,
    after text NOT NULL,
    reason text
);
CREATE INDEX partner_history_by_partner ON partner_history (partner_id, seq);

-- A location where the partner takes vouchers; the partner chooses the id. Coordinates are WGS-84 degrees.
CREATE TABLE partner_location (
    partner_id uuid NOT NULL CONSTRAINT partner_location_partner REFERENCES partner (id),
    id text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    city text NOT NULL,
    address text NOT NULL,
    created_at timestamptz NOT NULL,
    region text,
    latitude double precision,
    longitude double precision,
    state text NOT NULL DEFAULT 'open'
        CONSTRAINT partner_location_state CHECK (state IN ('open', 'temporarily_closed', 'closed')),
    changed_at timestamptz,
    search_text text NOT NULL DEFAULT '',
    PRIMARY KEY (partner_id, id),
    CONSTRAINT partner_location_place CHECK (
        (latitude IS NULL) = (longitude IS NULL)
        AND latitude BETWEEN -90 AND 90
        AND longitude BETWEEN -180 AND 180
    )
);

-- A requirement of applicants, configured by operations. Empty `partner_kinds` mean all of them.
CREATE TABLE requirement (
    code text PRIMARY KEY CONSTRAINT requirement_code CHECK (code ~ '^[a-z][a-z0-9_]+$' AND length(code) <= 64),
    version bigint NOT NULL CONSTRAINT requirement_version CHECK (version > 0),
    kind text NOT NULL CONSTRAINT requirement_kind CHECK (kind IN ('computed', 'attested', 'verified')),
    gate text NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    help_zh text NOT NULL,
    help_en text NOT NULL,
    partner_kinds text[] NOT NULL
        CONSTRAINT requirement_kinds CHECK (
            partner_kinds <@ ARRAY['hotel_group', 'drone_maker', 'restaurant', 'insurer', 'school', 'dealer',
                'retailer', 'mobility', 'wellness', 'entertainment', 'bank', 'travel_agency', 'other']
        ),
    active boolean NOT NULL,
    sort integer NOT NULL,
    changed_at timestamptz NOT NULL,
    -- What operations verify they cannot have seen before the application is there.
    CONSTRAINT requirement_gate CHECK (
        gate IN ('submit', 'approve')
        AND NOT (kind = 'verified' AND gate = 'submit')
    )
);

-- The first requirements. All are inactive; operations activate the ones they need.
INSERT INTO requirement
    (sort, code, version, kind, gate, title_zh, title_en, help_zh, help_en, partner_kinds, active, changed_at)
VALUES
    (10, 'terms_accepted', 1, 'attested', 'submit', '接受平台规则', 'Accept the marketplace rules',
        '申请人确认已阅读并接受平台规则。', 'The applicant confirms that it has read and accepts the rules.', '{}', false, now()),
    (20, 'data_protection', 1, 'attested', 'submit', '个人信息保护承诺', 'Personal data protection',
        '申请人承诺依照《个人信息保护法》处理数据。', 'The applicant undertakes to process data in accordance with the PIPL.', '{}', false, now()),
    (30, 'registration_number_valid', 1, 'computed', 'submit', '统一社会信用代码有效', 'The credit code is valid',
        '按 GB 32100-2015 校验。', 'Verified by its check digit (GB 32100-2015).', '{}', false, now()),
    (40, 'website_given', 1, 'computed', 'approve', '已填写官网', 'Website provided',
        '申请资料中须有官网地址。', 'The application must include the address of a website.', '{}', false, now()),
    (50, 'business_licence', 1, 'verified', 'approve', '营业执照', 'Business licence',
        '运营核对营业执照并登记档案编号。', 'Operations check the licence and record its file number.', '{}', false, now()),
    (60, 'insurance_licence', 1, 'verified', 'approve', '保险业务许可证', 'Insurance licence',
        '保险机构须提供许可证。', 'Insurers must provide their licence.', '{insurer}', false, now()),
    (70, 'food_licence', 1, 'verified', 'approve', '食品经营许可证', 'Food licence',
        '餐饮商户须提供许可证。', 'Restaurants must provide their licence.', '{restaurant}', false, now()),
    (80, 'contract_signed', 1, 'computed', 'approve', '合同已由双方签署', 'Contract signed by both sides',
        '审核期间可签署合同；合作方的纸质签名由运营登记。', 'The contract can be signed during the review. Operations record the partner''s signature on paper.',
        '{}', false, now()),
    (90, 'payout_account', 1, 'computed', 'approve', '已登记付款账户', 'Payout account recorded',
        '由财务根据开户证明登记。', 'Finance records the account from the bank''s document.', '{}', false, now());

-- A partner's attestation, or a verification by operations; `reference` names the document.
CREATE TABLE requirement_answer (
    partner_id uuid NOT NULL CONSTRAINT requirement_answer_partner REFERENCES partner (id),
    code text NOT NULL CONSTRAINT requirement_answer_requirement REFERENCES requirement (code),
    reference text NOT NULL,
    note text NOT NULL,
    actor text NOT NULL,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, code)
);
