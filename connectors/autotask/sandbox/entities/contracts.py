"""Contracts and everything that hangs under them (Autotask reference §8.1-8.6, verbs of §2)."""

from __future__ import annotations

from connectors.autotask.sandbox.schema import ParentPath, entity

_READ = "query GET"
_WRITE = frozenset({"GET", "POST", "PATCH", "PUT"})


def _under_contract(segment: str, verbs: frozenset[str], items: frozenset[str] = frozenset({"GET"})) -> ParentPath:
    return ParentPath("Contracts", segment, "contractID", verbs, items)


_UNIT_FIELDS = """
    date RO: startDate endDate
    int RO: units
    double RO: price internalCurrencyPrice cost
    datetime RO: approveAndPostDate
    int RO: organizationalLevelAssociationID
"""

CONTRACTS = (
    entity(
        "Contracts",
        "Contract",
        """
        long RO: id
        int R C ref=Companies: companyID
        string(100) R: contractName
        int R C pick=contractType: contractType
        int R pick=contractStatus: status
        date R: startDate endDate
        int R pick=yesNo: timeReportingRequiresStartAndStopTimes
        int C pick=periodType: contractPeriodType
        string(50): contractNumber
        int pick=contractCategory: contractCategory
        int pick=billingPreference default=2: billingPreference
        int pick=serviceLevelAgreement: serviceLevelAgreementID
        bool default=false: isDefaultContract
        bool default=true: isCompliant
        string(2000): description
        string(50): purchaseOrderNumber
        int: contactID
        string(250): contactName
        double: setupFee
        long ref=BillingCodes: setupFeeBillingCodeID
        double: estimatedCost estimatedHours estimatedRevenue overageBillingRate
        int ref=Companies: billToCompanyID
        int: billToCompanyContactID contractExclusionSetID opportunityID organizationalLevelAssociationID
        long: renewedContractID
        long C: exclusionContractID
        double RO: internalCurrencySetupFee internalCurrencyOverageBillingRate
        datetime T: lastModifiedDateTime
        """,
        verbs=f"{_READ} POST PATCH PUT",
        udf_type=4,
        indexed="companyID",
    ),
    entity(
        "ContractServices",
        "ContractService",
        """
        long RO: id
        int R C ref=Contracts: contractID
        int R C ref=Services: serviceID
        double RO: unitPrice
        double: unitCost
        double RO: internalCurrencyUnitPrice internalCurrencyAdjustedPrice
        string(1000): invoiceDescription
        string(100): internalDescription
        long RO: quoteItemID
        """,
        verbs=_READ,
        parent=_under_contract("Services", _WRITE),
        indexed="contractID serviceID",
    ),
    entity(
        "ContractServiceUnits",
        "ContractServiceUnit",
        f"""
        long RO: id
        int RO ref=Contracts: contractID
        int RO ref=ContractServices: contractServiceID
        int RO ref=Services: serviceID
        {_UNIT_FIELDS}
        int RO: vendorCompanyID
        """,
        verbs=_READ,
        parent=_under_contract("ServiceUnits", frozenset({"GET"})),
    ),
    entity(
        "ContractServiceAdjustments",
        "ContractServiceAdjustment",
        """
        long RO: id
        double: adjustedUnitCost adjustedUnitPrice
        bool: allowRepeatService
        int ref=Contracts: contractID
        int ref=ContractServices: contractServiceID
        date R: effectiveDate
        int: quoteItemID
        int ref=Services: serviceID
        int: unitChange
        """,
        verbs="POST",
        parent=_under_contract("ServiceAdjustments", frozenset({"POST"}), frozenset()),
    ),
    entity(
        "ContractServiceBundles",
        "ContractServiceBundle",
        """
        long RO: id
        double: adjustedPrice
        int R C ref=Contracts: contractID
        int R C ref=ServiceBundles: serviceBundleID
        double RO: internalCurrencyAdjustedPrice internalCurrencyUnitPrice
        string(100): internalDescription
        string(1000): invoiceDescription
        long RO: quoteItemID
        double RO: unitPrice
        """,
        verbs=_READ,
        parent=_under_contract("ServiceBundles", _WRITE),
        indexed="contractID serviceBundleID",
    ),
    entity(
        "ContractServiceBundleUnits",
        "ContractServiceBundleUnit",
        f"""
        long RO: id
        int RO ref=Contracts: contractID
        int RO ref=ContractServiceBundles: contractServiceBundleID
        int RO ref=ServiceBundles: serviceBundleID
        {_UNIT_FIELDS}
        """,
        verbs=_READ,
        parent=_under_contract("ServiceBundleUnits", frozenset({"GET"})),
    ),
    entity(
        "ContractServiceBundleAdjustments",
        "ContractServiceBundleAdjustment",
        """
        long RO: id
        double: adjustedUnitPrice
        bool: allowRepeatServiceBundle
        int ref=Contracts: contractID
        int ref=ContractServiceBundles: contractServiceBundleID
        date R: effectiveDate
        int: quoteItemID
        int ref=ServiceBundles: serviceBundleID
        int: unitChange
        """,
        verbs="POST",
        parent=_under_contract("ServiceBundleAdjustments", frozenset({"POST"}), frozenset()),
    ),
    entity(
        "ContractCharges",
        "ContractCharge",
        """
        long RO: id
        long R C ref=Contracts: contractID
        string(100) R: name
        date R: datePurchased
        int R pick=chargeType: chargeType
        double R: unitQuantity
        long ref=BillingCodes: billingCodeID
        long ref=Products: productID
        double: unitCost unitPrice
        bool default=true: isBillableToCompany
        string(2000): description notes
        string(50): purchaseOrderNumber internalPurchaseOrderNumber
        long ref=ContractServices: contractServiceID
        long ref=ContractServiceBundles: contractServiceBundleID
        int RO: organizationalLevelAssociationID
        bool RO: isBilled
        double RO: billableAmount extendedCost internalCurrencyBillableAmount internalCurrencyUnitPrice
        long RO pick=chargeStatus: status
        long RO: statusLastModifiedBy
        datetime RO: statusLastModifiedDate
        datetime N: createDate
        long RO: creatorResourceID
        """,
        verbs=_READ,
        parent=_under_contract("Charges", _WRITE, frozenset({"GET", "DELETE"})),
        indexed="contractID",
    ),
    entity(
        "ContractNotes",
        "ContractNote",
        """
        long RO: id
        int R C ref=Contracts: contractID
        datetime N: createDateTime
        int RO: creatorResourceID
        string(2000) R: description
        int RO: impersonatorCreatorResourceID impersonatorUpdaterResourceID
        datetime T: lastActivityDate
        string(250) R: title
        """,
        verbs=_READ,
        parent=_under_contract("Notes", _WRITE),
        indexed="contractID",
    ),
)
