"""ContractBridge in the browser: `streamlit run app.py` (or `python3 manage.py run`, which does the same).

Executed by Streamlit for each visit it draws the shell and the page asked for; imported at the start it is the server: the
pages with our own routes, sign-in and background engine around them, one process and one port.
"""

from __future__ import annotations

import streamlit as st
from streamlit import runtime

from pages._ui import auth, confirming, left_widgets, shell, states

if runtime.exists():
    left_widgets.let_go()
    shell.set_up_page()
    with states.explained():
        if shell.signed_in():
            page = st.navigation(shell.navigation())
            st.session_state["_page"] = page.url_path
            shell.sidebar()
            confirming.go_on()
            page.run()
else:
    from core.web import process, routes
    from pages._ui import charts

    process.begin()
    shell.only_through_the_shell()
    charts.warm_up()
    app = st.App(
        __file__,
        routes=routes.routes(process.context),
        middleware=routes.middleware(process.context, auth.sub_path(), process.allowed_hosts()),
        lifespan=process.lifespan,
        on_script_error=states.show_problem,
    )
