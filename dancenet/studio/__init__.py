"""The studio: a dancer alive in the browser, explored, directed and exported by hand.

From the inside out: `live` (an endless dance), `history`, `desk` (poses by hand), `library` (what is saved),
`performer` (a run), `session` (one stage) and `hands` (all that may be done on it; both know no HTTP),
`engine`
(runs, sessions and the clock), `app` (routes, without mathematics), `guard`, `server`. What is said over the
WebSocket stands in `protocol`; the page lies in `static/`.
"""
