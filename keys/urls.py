"""The addresses of the management API, under `/v1/` and `/v2/`; to be included at the root.

What an app serves of it stands before these patterns, which take all the rest. (A path may hold a line
break, which `.` alone does not match.)
"""

from django.urls import re_path

from keys.management.view import RESERVED, Unbuilt

urlpatterns = [re_path(rf"^v[12]/(?:{'|'.join(RESERVED)})(?:/(?s:.*))?\Z", Unbuilt.as_view())]
