"""Python processes of our own: how they start, what they tell, what their libraries must not do."""
