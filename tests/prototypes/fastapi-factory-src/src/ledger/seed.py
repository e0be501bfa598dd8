import os

print("seeding", os.environ["SEED_FILE"])
