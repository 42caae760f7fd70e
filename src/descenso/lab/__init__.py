"""The lab: train in a process of its own, and watch and steer it; the page is above this."""
