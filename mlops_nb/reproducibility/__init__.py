"""Topic 10, reproducibility: what a result was made from, and the proof that it can be made again.

records.py        the records: Environment, CodeVersion, Usage, DataFingerprint, Verification
fingerprints.py   shape and content hash of frames and arrays
verify.py         captured metrics against those of the exported script
machine.py        operating system, processor, memory, GPU, BLAS and threads, as the system tells
usage.py          CPU seconds and peak memory of a block
service.py        reads the installed packages and git's state
"""
