from test_exact_numbers import *
import pytest
@pytest.mark.parametrize("n",[300,306,307,308])
@pytest.mark.parametrize("d",["-10","10","0","-1","0.5", "-0.5"])
def test_x(client,n,d):
    owner = user(client)["id"]
    place = f"/{client.post('/api/v1/patterns', json={'user_id': owner}).json['id']}"
    print(send(client, "PATCH", place, d).status_code)
    a=send(client, "POST", f"{place}/increment", "-"+"9"*n)
    print(n,d,a.status_code,a.text[-300:] if a.status_code!=200 else "")
