"""AT HOW MANY WATTS: meters, the policy that holds a budget, and the joules each request is charged."""
