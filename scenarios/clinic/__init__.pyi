from .department import Clinic as Clinic
from .department import Referrals as Referrals
from .department import clinic_from_yaml as clinic_from_yaml
from .run import ClinicRun as ClinicRun
from .run import load_clinic as load_clinic
from .run import print_clinic as print_clinic
from .run import summary_of as summary_of
from .simulation import simulate_clinic as simulate_clinic
