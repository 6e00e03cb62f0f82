"""The first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from core.store import types
from core.store.migrations.triggers import protect, unprotect

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('approval',
    sa.Column('change_id', sa.String(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('at', types.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('change_id', name=op.f('pk_approval'))
    )
    op.create_table('at_company',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('folded', sa.String(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.Column('company_type', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_at_company'))
    )
    with op.batch_alter_table('at_company', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_at_company_folded'), ['folded'], unique=False)

    op.create_table('at_contract',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('company_id', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('start', sa.Date(), nullable=False),
    sa.Column('end', sa.Date(), nullable=False),
    sa.Column('period_type', sa.String(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('number', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_at_contract'))
    )
    with op.batch_alter_table('at_contract', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_at_contract_company_id'), ['company_id'], unique=False)

    op.create_table('at_item',
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('period_type', sa.String(), nullable=False),
    sa.Column('unit_price', types.ExactDecimal(), nullable=True),
    sa.Column('unit_cost', types.ExactDecimal(), nullable=True),
    sa.Column('sku', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'id', name=op.f('pk_at_item'))
    )
    op.create_table('at_line',
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('contract_id', sa.BigInteger(), nullable=False),
    sa.Column('item_kind', sa.String(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('unit_price', types.ExactDecimal(), nullable=True),
    sa.Column('unit_cost', types.ExactDecimal(), nullable=True),
    sa.Column('description', sa.String(), nullable=False),
    sa.Column('units_read_at', types.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('kind', 'id', name=op.f('pk_at_line'))
    )
    with op.batch_alter_table('at_line', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_at_line_contract_id'), ['contract_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_at_line_item_kind_item_id'), ['item_kind', 'item_id'], unique=False)

    op.create_table('at_unit_row',
    sa.Column('line_kind', sa.String(), nullable=False),
    sa.Column('line_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('start', sa.Date(), nullable=False),
    sa.Column('end', sa.Date(), nullable=False),
    sa.Column('units', sa.Integer(), nullable=False),
    sa.Column('posted', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('line_kind', 'line_id', 'position', name=op.f('pk_at_unit_row'))
    )
    op.create_table('audit',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at', types.UTCDateTime(), nullable=False),
    sa.Column('actor', sa.String(), nullable=False),
    sa.Column('event', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('before', sa.Text(), nullable=False),
    sa.Column('after', sa.Text(), nullable=False),
    sa.Column('prev_hash', sa.String(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_actor_id'), ['actor', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_at'), ['at'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_event_id'), ['event', 'id'], unique=False)

    op.create_table('chain_head',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_chain_head'))
    )
    op.create_table('customer_alias',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('company_id', sa.BigInteger(), nullable=False),
    sa.Column('learned_at', types.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_customer_alias'))
    )
    op.create_table('directory_state',
    sa.Column('entity', sa.String(), nullable=False),
    sa.Column('watermark', types.UTCDateTime(), nullable=True),
    sa.Column('full_read_at', types.UTCDateTime(), nullable=True),
    sa.Column('window_first', sa.Date(), nullable=True),
    sa.Column('window_last', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('entity', name=op.f('pk_directory_state'))
    )
    op.create_table('dismissal',
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('at', types.UTCDateTime(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_dismissal'))
    )
    op.create_table('lease',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('owner', sa.String(), nullable=False),
    sa.Column('until', types.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_lease'))
    )
    op.create_table('ledger',
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('at', types.UTCDateTime(), nullable=False),
    sa.Column('run_id', sa.Integer(), nullable=True),
    sa.Column('change_id', sa.String(), nullable=False),
    sa.Column('line_kind', sa.String(), nullable=True),
    sa.Column('line_id', sa.BigInteger(), nullable=True),
    sa.Column('effective_date', sa.Date(), nullable=True),
    sa.Column('event', sa.String(), nullable=False),
    sa.Column('payload', sa.Text(), nullable=False),
    sa.Column('prev_hash', sa.String(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ledger'))
    )
    with op.batch_alter_table('ledger', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ledger_line_kind_line_id_id'), ['line_kind', 'line_id', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_ledger_run_id_change_id'), ['run_id', 'change_id'], unique=False)

    op.create_table('line_choice',
    sa.Column('company_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('item_kind', sa.String(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('billing_frequency', sa.String(), nullable=False),
    sa.Column('line_kind', sa.String(), nullable=False),
    sa.Column('line_id', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('company_id', 'item_kind', 'item_id', 'billing_frequency', name=op.f('pk_line_choice'))
    )
    op.create_table('line_memory',
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('verified_units', sa.Integer(), nullable=True),
    sa.Column('verified_on', sa.Date(), nullable=True),
    sa.Column('our_dates', types.JsonDocument(), nullable=False),
    sa.Column('refused', types.JsonDocument(), nullable=False),
    sa.Column('unit_price', types.ExactDecimal(), nullable=True),
    sa.Column('unit_cost', types.ExactDecimal(), nullable=True),
    sa.Column('price_from', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('kind', 'id', name=op.f('pk_line_memory'))
    )
    op.create_table('mapping_batch',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', types.UTCDateTime(), nullable=False),
    sa.Column('person', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('undone_at', types.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mapping_batch'))
    )
    op.create_table('open_intent',
    sa.Column('run_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('change_id', sa.String(), nullable=False),
    sa.Column('intent_id', sa.BigInteger(), nullable=False),
    sa.Column('last_event', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('run_id', 'change_id', name=op.f('pk_open_intent'))
    )
    op.create_table('person',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('folded', sa.String(), nullable=False),
    sa.Column('password_hash', sa.String(), nullable=False),
    sa.Column('role', sa.String(), nullable=False),
    sa.Column('language', sa.String(), nullable=False),
    sa.Column('locale', sa.String(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('oidc_subject', sa.String(), nullable=True),
    sa.Column('failed_logins', sa.Integer(), nullable=False),
    sa.Column('locked_until', types.UTCDateTime(), nullable=True),
    sa.Column('created_at', types.UTCDateTime(), nullable=False),
    sa.Column('last_login_at', types.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_person')),
    sa.UniqueConstraint('folded', name=op.f('uq_person_folded')),
    sa.UniqueConstraint('oidc_subject', name=op.f('uq_person_oidc_subject'))
    )
    op.create_table('portal',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('connector', sa.String(), nullable=False),
    sa.Column('settings', types.JsonDocument(), nullable=False),
    sa.Column('mode', sa.String(), nullable=False),
    sa.Column('policy', types.JsonDocument(), nullable=False),
    sa.Column('overrides', types.JsonDocument(), nullable=False),
    sa.Column('schedule', types.JsonDocument(), nullable=False),
    sa.Column('next_due_at', types.UTCDateTime(), nullable=True),
    sa.Column('enabled', sa.Boolean(), nullable=False),
    sa.Column('hook_token_hash', sa.String(), nullable=True),
    sa.Column('created_at', types.UTCDateTime(), nullable=False),
    sa.Column('read_at', types.UTCDateTime(), nullable=True),
    sa.Column('archived_at', types.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal')),
    sa.UniqueConstraint('hook_token_hash', name=op.f('uq_portal_hook_token_hash'))
    )
    with op.batch_alter_table('portal', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_portal_next_due_at'), ['next_due_at'], unique=False)
        batch_op.create_index('uq_portal_name', ['name'], unique=True, sqlite_where=sa.text('archived_at IS NULL'), postgresql_where=sa.text('archived_at IS NULL'))

    op.create_table('product_rule',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('item_kind', sa.String(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('formula', sa.String(), nullable=False),
    sa.Column('minimum', types.ExactDecimal(), nullable=True),
    sa.Column('included', types.ExactDecimal(), nullable=False),
    sa.Column('maximum', types.ExactDecimal(), nullable=True),
    sa.Column('rounding', sa.String(), nullable=False),
    sa.Column('match_period', sa.Boolean(), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_product_rule'))
    )
    with op.batch_alter_table('product_rule', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_product_rule_item_kind_item_id'), ['item_kind', 'item_id'], unique=False)

    op.create_table('run',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('dedupe', sa.String(), nullable=True),
    sa.Column('portals', types.JsonDocument(), nullable=False),
    sa.Column('options', types.JsonDocument(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('lease_owner', sa.String(), nullable=False),
    sa.Column('lease_until', types.UTCDateTime(), nullable=True),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('text', types.JsonDocument(), nullable=True),
    sa.Column('started_by', sa.String(), nullable=False),
    sa.Column('summary', types.JsonDocument(), nullable=False),
    sa.Column('error', types.JsonDocument(), nullable=True),
    sa.Column('queued_at', types.UTCDateTime(), nullable=False),
    sa.Column('started_at', types.UTCDateTime(), nullable=True),
    sa.Column('finished_at', types.UTCDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_run')),
    sa.UniqueConstraint('dedupe', name=op.f('uq_run_dedupe'))
    )
    with op.batch_alter_table('run', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_run_queued_at'), ['queued_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_run_status_queued_at'), ['status', 'queued_at'], unique=False)

    op.create_table('secret',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('owner', sa.String(), nullable=False),
    sa.Column('field', sa.String(), nullable=False),
    sa.Column('ciphertext', sa.String(), nullable=False),
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('updated_at', types.UTCDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_secret')),
    sa.UniqueConstraint('owner', 'field', name=op.f('uq_secret_owner_field'))
    )
    op.create_table('setting',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('value', types.JsonDocument(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_setting'))
    )
    op.create_table('login_session',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('person_id', sa.Integer(), nullable=False),
    sa.Column('address', sa.String(), nullable=False),
    sa.Column('created_at', types.UTCDateTime(), nullable=False),
    sa.Column('last_seen_at', types.UTCDateTime(), nullable=False),
    sa.Column('expires_at', types.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['person.id'], name=op.f('fk_login_session_person_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_session')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_login_session_token_hash'))
    )
    with op.batch_alter_table('login_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_session_expires_at'), ['expires_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_login_session_person_id'), ['person_id'], unique=False)

    op.create_table('mapping_edit',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('batch_id', sa.Integer(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('row_key', types.JsonDocument(), nullable=False),
    sa.Column('before', types.JsonDocument(), nullable=True),
    sa.Column('after', types.JsonDocument(), nullable=True),
    sa.ForeignKeyConstraint(['batch_id'], ['mapping_batch.id'], name=op.f('fk_mapping_edit_batch_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mapping_edit'))
    )
    with op.batch_alter_table('mapping_edit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mapping_edit_batch_id'), ['batch_id'], unique=False)

    op.create_table('plan',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('run_id', sa.Integer(), nullable=True),
    sa.Column('made_at', types.UTCDateTime(), nullable=False),
    sa.Column('today', sa.Date(), nullable=False),
    sa.Column('checksum', sa.String(), nullable=False),
    sa.Column('changes', sa.Integer(), nullable=False),
    sa.Column('findings', sa.Integer(), nullable=False),
    sa.Column('unchanged', sa.Integer(), nullable=False),
    sa.Column('current', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_plan_run_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan'))
    )
    with op.batch_alter_table('plan', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_plan_current_id'), ['current', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_plan_run_id'), ['run_id'], unique=False)

    op.create_table('portal_customer',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('folded', sa.String(), nullable=False),
    sa.Column('company_id', sa.BigInteger(), nullable=True),
    sa.Column('ignored', sa.String(), nullable=True),
    sa.Column('confirmed_by', sa.String(), nullable=False),
    sa.Column('confirmed_at', types.UTCDateTime(), nullable=True),
    sa.Column('read_at', types.UTCDateTime(), nullable=True),
    sa.Column('first_seen_at', types.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portal.id'], name=op.f('fk_portal_customer_portal_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_customer')),
    sa.UniqueConstraint('portal_id', 'customer_id', name=op.f('uq_portal_customer_portal_id_customer_id'))
    )
    with op.batch_alter_table('portal_customer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_portal_customer_company_id'), ['company_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_portal_customer_folded'), ['folded'], unique=False)

    op.create_table('portal_product',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('product_key', sa.String(), nullable=False),
    sa.Column('term', sa.String(), nullable=False),
    sa.Column('billing_frequency', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('folded', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), nullable=False),
    sa.Column('ignored', sa.String(), nullable=True),
    sa.Column('first_seen_at', types.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portal.id'], name=op.f('fk_portal_product_portal_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_portal_product')),
    sa.UniqueConstraint('portal_id', 'product_key', 'term', 'billing_frequency', name='uq_portal_product_key')
    )
    with op.batch_alter_table('portal_product', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_portal_product_folded'), ['folded'], unique=False)

    op.create_table('product_rename',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('pattern', sa.String(), nullable=False),
    sa.Column('product_key', sa.String(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portal.id'], name=op.f('fk_product_rename_portal_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_product_rename')),
    sa.UniqueConstraint('portal_id', 'pattern', name=op.f('uq_product_rename_portal_id_pattern'))
    )
    op.create_table('reading',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('run_id', sa.Integer(), nullable=True),
    sa.Column('taken_at', types.UTCDateTime(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('complete', sa.Boolean(), nullable=False),
    sa.Column('scope', sa.String(), nullable=False),
    sa.Column('lines', sa.Integer(), nullable=False),
    sa.Column('customers', sa.Integer(), nullable=False),
    sa.Column('new', sa.Integer(), nullable=False),
    sa.Column('changed', sa.Integer(), nullable=False),
    sa.Column('ended', sa.Integer(), nullable=False),
    sa.Column('unchanged', sa.Integer(), nullable=False),
    sa.Column('kept', sa.Integer(), nullable=False),
    sa.Column('fingerprint', sa.String(), nullable=False),
    sa.Column('notes', types.JsonDocument(), nullable=False),
    sa.Column('failed_customers', types.JsonDocument(), nullable=False),
    sa.Column('error', types.JsonDocument(), nullable=True),
    sa.Column('file_name', sa.String(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portal.id'], name=op.f('fk_reading_portal_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_reading_run_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reading'))
    )
    with op.batch_alter_table('reading', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_reading_portal_id_taken_at'), ['portal_id', 'taken_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_reading_run_id'), ['run_id'], unique=False)

    op.create_table('run_log',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('run_id', sa.Integer(), nullable=False),
    sa.Column('at', types.UTCDateTime(), nullable=False),
    sa.Column('level', sa.String(), nullable=False),
    sa.Column('event', sa.String(), nullable=False),
    sa.Column('portal', sa.String(), nullable=False),
    sa.Column('text', types.JsonDocument(), nullable=True),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_run_log_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_run_log'))
    )
    with op.batch_alter_table('run_log', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_run_log_run_id_id'), ['run_id', 'id'], unique=False)

    op.create_table('usage_line',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.String(), nullable=False),
    sa.Column('product_key', sa.String(), nullable=False),
    sa.Column('term', sa.String(), nullable=False),
    sa.Column('billing_frequency', sa.String(), nullable=False),
    sa.Column('subscription_id', sa.String(), nullable=False),
    sa.Column('product', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), nullable=False),
    sa.Column('attributes', types.JsonDocument(), nullable=False),
    sa.Column('first_seen_at', types.UTCDateTime(), nullable=False),
    sa.Column('confirmed_at', types.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portal.id'], name=op.f('fk_usage_line_portal_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_usage_line')),
    sa.UniqueConstraint('portal_id', 'customer_id', 'product_key', 'term', 'billing_frequency', 'subscription_id', name='uq_usage_line_key')
    )
    with op.batch_alter_table('usage_line', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_usage_line_portal_id_product_key'), ['portal_id', 'product_key'], unique=False)

    op.create_table('imported_file',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('reading_id', sa.Integer(), nullable=True),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('stored_path', sa.String(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('lines', sa.Integer(), nullable=False),
    sa.Column('details', types.JsonDocument(), nullable=False),
    sa.Column('imported_by', sa.String(), nullable=False),
    sa.Column('imported_at', types.UTCDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portal.id'], name=op.f('fk_imported_file_portal_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['reading_id'], ['reading.id'], name=op.f('fk_imported_file_reading_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_imported_file'))
    )
    with op.batch_alter_table('imported_file', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_imported_file_imported_at'), ['imported_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_imported_file_portal_id_sha256'), ['portal_id', 'sha256'], unique=False)
        batch_op.create_index(batch_op.f('ix_imported_file_reading_id'), ['reading_id'], unique=False)

    op.create_table('plan_change',
    sa.Column('plan_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('change_id', sa.String(), nullable=False),
    sa.Column('dismissal_key', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('company_id', sa.BigInteger(), nullable=False),
    sa.Column('company', sa.String(), nullable=False),
    sa.Column('contract_id', sa.BigInteger(), nullable=False),
    sa.Column('contract', sa.String(), nullable=False),
    sa.Column('line_kind', sa.String(), nullable=True),
    sa.Column('line_id', sa.BigInteger(), nullable=True),
    sa.Column('item_kind', sa.String(), nullable=False),
    sa.Column('item_id', sa.BigInteger(), nullable=False),
    sa.Column('item', sa.String(), nullable=False),
    sa.Column('from_units', sa.Integer(), nullable=False),
    sa.Column('to_units', sa.Integer(), nullable=False),
    sa.Column('unit_change', sa.Integer(), nullable=False),
    sa.Column('effective_date', sa.Date(), nullable=False),
    sa.Column('money', types.ExactDecimal(), nullable=True),
    sa.Column('portals', sa.String(), nullable=False),
    sa.Column('search', sa.String(), nullable=False),
    sa.Column('data', types.JsonDocument(), nullable=False),
    sa.ForeignKeyConstraint(['plan_id'], ['plan.id'], name=op.f('fk_plan_change_plan_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('plan_id', 'position', name=op.f('pk_plan_change'))
    )
    with op.batch_alter_table('plan_change', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_plan_change_change_id'), ['change_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_plan_change_plan_id_company'), ['plan_id', 'company'], unique=False)
        batch_op.create_index(batch_op.f('ix_plan_change_plan_id_effective_date'), ['plan_id', 'effective_date'], unique=False)
        batch_op.create_index(batch_op.f('ix_plan_change_plan_id_status'), ['plan_id', 'status'], unique=False)

    op.create_table('plan_finding',
    sa.Column('plan_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('portal', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('company_id', sa.BigInteger(), nullable=True),
    sa.Column('company', sa.String(), nullable=False),
    sa.Column('search', sa.String(), nullable=False),
    sa.Column('data', types.JsonDocument(), nullable=False),
    sa.ForeignKeyConstraint(['plan_id'], ['plan.id'], name=op.f('fk_plan_finding_plan_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('plan_id', 'position', name=op.f('pk_plan_finding'))
    )
    with op.batch_alter_table('plan_finding', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_plan_finding_plan_id_kind'), ['plan_id', 'kind'], unique=False)

    op.create_table('rule_source',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('rule_id', sa.Integer(), nullable=False),
    sa.Column('product_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['product_id'], ['portal_product.id'], name=op.f('fk_rule_source_product_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['rule_id'], ['product_rule.id'], name=op.f('fk_rule_source_rule_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rule_source')),
    sa.UniqueConstraint('rule_id', 'name', name=op.f('uq_rule_source_rule_id_name')),
    sa.UniqueConstraint('rule_id', 'product_id', name=op.f('uq_rule_source_rule_id_product_id'))
    )
    with op.batch_alter_table('rule_source', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_rule_source_product_id'), ['product_id'], unique=False)

    op.create_table('usage_interval',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('line_id', sa.Integer(), nullable=False),
    sa.Column('reading_id', sa.Integer(), nullable=False),
    sa.Column('valid_from', types.UTCDateTime(), nullable=False),
    sa.Column('valid_to', types.UTCDateTime(), nullable=False),
    sa.Column('quantity', types.ExactDecimal(), nullable=False),
    sa.Column('present', sa.Boolean(), nullable=False),
    sa.Column('quantity_since', types.UTCDateTime(), nullable=False),
    sa.Column('effective_date', sa.Date(), nullable=True),
    sa.Column('period_start', sa.Date(), nullable=True),
    sa.Column('period_end', sa.Date(), nullable=True),
    sa.Column('unit_cost', types.ExactDecimal(), nullable=True),
    sa.Column('unit_price', types.ExactDecimal(), nullable=True),
    sa.Column('currency', sa.String(), nullable=False),
    sa.Column('origin_source', sa.String(), nullable=False),
    sa.Column('origin_place', sa.String(), nullable=False),
    sa.Column('origin_rows', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['line_id'], ['usage_line.id'], name=op.f('fk_usage_interval_line_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['reading_id'], ['reading.id'], name=op.f('fk_usage_interval_reading_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_usage_interval')),
    sa.UniqueConstraint('line_id', 'valid_from', name=op.f('uq_usage_interval_line_id_valid_from')),
    sa.UniqueConstraint('line_id', 'valid_to', name=op.f('uq_usage_interval_line_id_valid_to'))
    )
    with op.batch_alter_table('usage_interval', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_usage_interval_reading_id'), ['reading_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_usage_interval_valid_to_valid_from'), ['valid_to', 'valid_from'], unique=False)

    op.execute("INSERT INTO chain_head (name, position, hash) VALUES ('ledger', 0, ''), ('audit', 0, '')")
    protect()



def downgrade() -> None:
    unprotect()
    with op.batch_alter_table('usage_interval', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_usage_interval_valid_to_valid_from'))
        batch_op.drop_index(batch_op.f('ix_usage_interval_reading_id'))

    op.drop_table('usage_interval')
    with op.batch_alter_table('rule_source', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_rule_source_product_id'))

    op.drop_table('rule_source')
    with op.batch_alter_table('plan_finding', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_plan_finding_plan_id_kind'))

    op.drop_table('plan_finding')
    with op.batch_alter_table('plan_change', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_plan_change_plan_id_status'))
        batch_op.drop_index(batch_op.f('ix_plan_change_plan_id_effective_date'))
        batch_op.drop_index(batch_op.f('ix_plan_change_plan_id_company'))
        batch_op.drop_index(batch_op.f('ix_plan_change_change_id'))

    op.drop_table('plan_change')
    with op.batch_alter_table('imported_file', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_imported_file_reading_id'))
        batch_op.drop_index(batch_op.f('ix_imported_file_portal_id_sha256'))
        batch_op.drop_index(batch_op.f('ix_imported_file_imported_at'))

    op.drop_table('imported_file')
    with op.batch_alter_table('usage_line', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_usage_line_portal_id_product_key'))

    op.drop_table('usage_line')
    with op.batch_alter_table('run_log', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_run_log_run_id_id'))

    op.drop_table('run_log')
    with op.batch_alter_table('reading', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_reading_run_id'))
        batch_op.drop_index(batch_op.f('ix_reading_portal_id_taken_at'))

    op.drop_table('reading')
    op.drop_table('product_rename')
    with op.batch_alter_table('portal_product', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_portal_product_folded'))

    op.drop_table('portal_product')
    with op.batch_alter_table('portal_customer', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_portal_customer_folded'))
        batch_op.drop_index(batch_op.f('ix_portal_customer_company_id'))

    op.drop_table('portal_customer')
    with op.batch_alter_table('plan', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_plan_run_id'))
        batch_op.drop_index(batch_op.f('ix_plan_current_id'))

    op.drop_table('plan')
    with op.batch_alter_table('mapping_edit', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_mapping_edit_batch_id'))

    op.drop_table('mapping_edit')
    with op.batch_alter_table('login_session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_login_session_person_id'))
        batch_op.drop_index(batch_op.f('ix_login_session_expires_at'))

    op.drop_table('login_session')
    op.drop_table('setting')
    op.drop_table('secret')
    with op.batch_alter_table('run', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_run_status_queued_at'))
        batch_op.drop_index(batch_op.f('ix_run_queued_at'))

    op.drop_table('run')
    with op.batch_alter_table('product_rule', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_product_rule_item_kind_item_id'))

    op.drop_table('product_rule')
    with op.batch_alter_table('portal', schema=None) as batch_op:
        batch_op.drop_index('uq_portal_name', sqlite_where=sa.text('archived_at IS NULL'), postgresql_where=sa.text('archived_at IS NULL'))
        batch_op.drop_index(batch_op.f('ix_portal_next_due_at'))

    op.drop_table('portal')
    op.drop_table('person')
    op.drop_table('open_intent')
    op.drop_table('mapping_batch')
    op.drop_table('line_memory')
    op.drop_table('line_choice')
    with op.batch_alter_table('ledger', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_ledger_run_id_change_id'))
        batch_op.drop_index(batch_op.f('ix_ledger_line_kind_line_id_id'))

    op.drop_table('ledger')
    op.drop_table('lease')
    op.drop_table('dismissal')
    op.drop_table('directory_state')
    op.drop_table('customer_alias')
    op.drop_table('chain_head')
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_audit_event_id'))
        batch_op.drop_index(batch_op.f('ix_audit_at'))
        batch_op.drop_index(batch_op.f('ix_audit_actor_id'))

    op.drop_table('audit')
    op.drop_table('at_unit_row')
    with op.batch_alter_table('at_line', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_at_line_item_kind_item_id'))
        batch_op.drop_index(batch_op.f('ix_at_line_contract_id'))

    op.drop_table('at_line')
    op.drop_table('at_item')
    with op.batch_alter_table('at_contract', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_at_contract_company_id'))

    op.drop_table('at_contract')
    with op.batch_alter_table('at_company', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_at_company_folded'))

    op.drop_table('at_company')
    op.drop_table('approval')
