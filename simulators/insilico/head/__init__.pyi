from .patient import make_head as make_head
