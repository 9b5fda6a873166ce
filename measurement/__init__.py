"""What a job used: power sources, the sampler, the profile.

Imports nothing of ours but data, and stays light.
"""
