"""A stack tried out with real packets: the whole of it in namespaces of this machine, or what is here of it.

`twin` puts up the twin of a stack and takes it down. What that is made of is drawn by `blueprint` (and `plugs`), made
by `spaces` and `underlay`, and brought to life by `deployment`, each host in one of the `children`; `background`
answers there, and `holding` keeps two netctls from one twin. What only Docker could make has `stand_ins`.

What is asked is gathered in `examination`: the `trials` of expectations and, by `offers`, of who reaches what.
`testing` tries them in a twin.

`probe` sends from inside network namespaces and tells what came back, hundreds at once in one thread; `responders`
answer on ports in other namespaces. A socket belongs to the namespace that it was opened in (`namespaces`), so that one
process serves them all.
"""
