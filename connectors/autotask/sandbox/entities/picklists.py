"""Picklist values. On the wire `value` is a string although records carry the integer (Autotask reference §8.11)."""

from __future__ import annotations

from collections.abc import Mapping

PICKLISTS: Mapping[str, Mapping[int, str]] = {
    "contractType": {
        1: "Time & Materials",
        3: "Fixed Price",
        4: "Block Hours",
        6: "Retainer",
        7: "Recurring Service",
        8: "Per Ticket",
        9: "Umbrella",
    },
    "contractStatus": {1: "In Effect", 0: "Inactive"},
    "yesNo": {0: "No", 1: "Yes"},
    "periodType": {1: "One-Time", 2: "Monthly", 3: "Quarterly", 4: "Semi-Annual", 5: "Yearly"},
    "contractCategory": {1: "Managed Services", 2: "Cloud", 3: "Projects"},
    "serviceLevelAgreement": {1: "Standard", 2: "Premium 24x7"},
    "billingPreference": {1: "Immediately without reconciliation", 2: "Reconcile", 3: "On timesheet approval"},
    "chargeType": {1: "Operational", 2: "Capitalized"},
    "chargeStatus": {1: "Need to Order/Fulfill", 7: "Delivered/Shipped Full"},
    "productCategory": {1: "Hardware", 2: "Software", 3: "Subscription"},
    "productBilling": {1: "One-time", 2: "Recurring"},
    "priceCostMethod": {1: "Price/Cost entered", 2: "Markup"},
    "useType": {
        1: "General Allocation Code",
        2: "Expense Category",
        3: "Internal Allocation Code",
        4: "Material Cost Code",
        5: "Recurring Contract Service Code",
        6: "Milestone Code",
        7: "Product Code",
    },
    "billingCodeType": {0: "Normal", 1: "System", 2: "Non-Billable"},
    "generalLedgerAccount": {1: "8000 Omzet diensten", 2: "8100 Omzet licenties"},
    "companyType": {1: "Customer", 2: "Lead", 3: "Prospect", 4: "Dead", 5: "Cancellation", 6: "Vendor", 7: "Partner"},
    "ticketStatus": {1: "New", 5: "Complete", 7: "Waiting Customer", 8: "In Progress"},
    "priority": {1: "High", 2: "Medium", 3: "Low", 4: "Critical"},
    "queue": {29682833: "Helpdesk", 29682969: "Administratie"},
    "ticketSource": {2: "Phone", 4: "Email", 11: "Website", 13: "API"},
    "ticketType": {1: "Service Request", 2: "Incident", 3: "Problem", 4: "Change Request", 5: "Alert"},
    "ticketCategory": {2: "AEM Alert", 3: "Standard", 4: "Datto Networking Alert"},
    "billingItemType": {1: "Time entry", 4: "Charge", 8: "Recurring Service", 10: "Recurring Service Bundle"},
    "billingSubType": {1: "Service", 2: "Service adjustment", 3: "Setup fee", 4: "Contract charge"},
    "udfType": {
        1: "Company",
        2: "Contact",
        3: "Configuration Item",
        4: "Contract",
        5: "Ticket",
        6: "Project",
        7: "Product",
        8: "Opportunity",
        9: "Service",
        10: "Service Bundle",
    },
    "udfDataType": {1: "Text (Single Line)", 2: "Text (Multi Line)", 3: "Number", 4: "Date", 5: "List"},
    "udfDisplayFormat": {1: "Default"},
}

UDF_LIMITS: Mapping[int, int] = {1: 200, 2: 100, 4: 50, 5: 300, 6: 200, 7: 200, 8: 110}
"""How many active user-defined fields an entity may have, by udfType (Autotask reference §8.9)."""
