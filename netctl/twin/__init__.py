"""A stack tried out with real packets: what sends them, and what answers.

`probe` sends from inside network namespaces and tells what came back, hundreds at once in one thread; `responders`
answer on ports in other namespaces. A socket belongs to the namespace that it was opened in (`namespaces`), so that one
process serves them all.
"""
