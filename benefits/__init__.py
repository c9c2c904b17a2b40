"""What members can take: points, offers, redemptions, vouchers."""
