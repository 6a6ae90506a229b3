"""
${message}.
"""

% if "sa." in (upgrades or ""):
import sqlalchemy as sa
% endif
% if "op." in (upgrades or ""):
from alembic import op
% endif
% if imports:

${imports}
% endif

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
