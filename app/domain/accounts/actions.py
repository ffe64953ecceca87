"""Everything that can be done with companies and people, under one name."""

from __future__ import annotations

from app.domain.accounts.applications import (
    answer_application,
    apply,
    ask_applicant,
    confirm_application,
    refuse_application,
)
from app.domain.accounts.closing import set_company_active
from app.domain.accounts.companies import (
    create_branch,
    create_company,
    create_end_customer,
    set_branch_active,
    update_branch,
    update_company,
    update_end_customer,
)
from app.domain.accounts.credentials import (
    accept_invitation,
    change_own_name,
    change_password,
    note_refused_sign_in,
    request_reset,
    reset_password,
)
from app.domain.accounts.oversight import (
    end_all_sessions_of,
    end_session_of,
    end_sessions_in,
    send_reset_link,
)
from app.domain.accounts.people import (
    change_role,
    invite_user,
    resend_invitation,
    set_member_active,
    set_user_disabled,
)
from app.domain.accounts.recovery import recover_admin
from app.domain.accounts.sessions import (
    begin_session,
    end_session,
    end_view_as,
    start_view_as,
    switch_membership,
    touch_session,
)
from app.domain.accounts.vendor import set_up_vendor

__all__ = [
    "accept_invitation",
    "answer_application",
    "apply",
    "ask_applicant",
    "begin_session",
    "change_own_name",
    "change_password",
    "change_role",
    "confirm_application",
    "create_branch",
    "create_company",
    "create_end_customer",
    "end_all_sessions_of",
    "end_session",
    "end_session_of",
    "end_sessions_in",
    "end_view_as",
    "invite_user",
    "note_refused_sign_in",
    "recover_admin",
    "refuse_application",
    "request_reset",
    "resend_invitation",
    "reset_password",
    "send_reset_link",
    "set_branch_active",
    "set_company_active",
    "set_member_active",
    "set_up_vendor",
    "set_user_disabled",
    "start_view_as",
    "switch_membership",
    "touch_session",
    "update_branch",
    "update_company",
    "update_end_customer",
]
