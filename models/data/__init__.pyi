from .examples import Example as Example
from .examples import Examples as Examples
from .examples import Subject as Subject
from .noise import volume_noise as volume_noise
from .stack import channels as channels
from .stack import hidden_places as hidden_places
