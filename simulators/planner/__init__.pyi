from .kept import kept_plan as kept_plan
from .measures import beyond_limits as beyond_limits
from .measures import measures as measures
from .measures import of_organs as of_organs
from .plan import FluencePlan as FluencePlan
from .plan import hold as hold
from .plan import plan_dose as plan_dose
from .template import template_for as template_for
