"""The world the agents act in: time, people, health, plans, claims, money, and the model that steps them."""
