"""What the demo's partners are called and what they offer, in Chinese and English; one module for each part of life."""
