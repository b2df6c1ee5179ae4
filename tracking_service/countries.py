"""The countries: ISO 3166-1 alpha-2, officially assigned, from pycountry (Debian's iso-codes).

https://www.iso.org/iso-3166-country-codes.html
"""

import pycountry

# Officially assigned only: no reserved codes (UK, EU) and no user-assigned ones (XK).
COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries)
