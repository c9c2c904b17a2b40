"""How often a member has redeemed an offer in each window of its limits."""

from marketplace.platform.postgres.reads import Read
from marketplace.platform.postgres.writes import Write

LIMITS = Read(
    'bucket smallint, member_id uuid, offer_id uuid, "window" text',
    """SELECT ROW(wanted.member_id, wanted.offer_id, wanted."window", found.used)
    FROM {wanted} CROSS JOIN LATERAL (
        SELECT used FROM limit_used u WHERE u.bucket = wanted.bucket AND u.member_id = wanted.member_id
                                        AND u.offer_id = wanted.offer_id AND u."window" = wanted."window" OFFSET 0
    ) AS found""",
)

LIMIT_CHANGES = Write(
    "limits",
    'bucket smallint, member_id uuid, offer_id uuid, "window" text, used int',
    """INSERT INTO limit_used (bucket, member_id, offer_id, "window", used) SELECT * FROM {rows}
    ON CONFLICT (bucket, member_id, offer_id, "window") DO UPDATE SET used = excluded.used""",
)
