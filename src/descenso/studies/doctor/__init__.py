"""The doctor: mistakes that beginners and porters of TF1 code make, told from what can be seen of them.

Evidence is gathered once (`evidence`, and with TensorFlow `descents` and `steps`); each rule of `table` is a pure
function of it. `faults` plants, for each rule, the mistake that it is for. `descenso.doctor` is the public face.
"""
