"""Services, bundles, products and billing codes (Autotask reference §8.7, §8.8)."""

from __future__ import annotations

from connectors.autotask.sandbox.schema import ParentPath, entity

_SERVICE_TEXTS = """
    string(400): description
    string(1000): invoiceDescription
    string(50): sku internalID externalID
    string(100): catalogNumberPartNumber manufacturerServiceProvider manufacturerServiceProviderProductNumber
    string(500): url
    datetime N: createDate
    int RO: creatorResourceID updateResourceID
    datetime T: lastModifiedDate
"""

CATALOGUE = (
    entity(
        "Services",
        "Service",
        f"""
        long RO: id
        string(150) R: name
        double R: unitPrice
        int R C pick=periodType: periodType
        int R ref=BillingCodes: billingCodeID
        double: unitCost
        bool default=true: isActive
        long: serviceLevelAgreementID
        int ref=Companies: vendorCompanyID
        double RO: markupRate
        {_SERVICE_TEXTS}
        """,
        verbs="query GET POST PATCH PUT",
        udf_type=9,
        indexed="name sku",
    ),
    entity(
        "ServiceBundles",
        "ServiceBundle",
        f"""
        long RO: id
        string(150) R: name
        double R: unitPrice
        int R C pick=periodType: periodType
        int R ref=BillingCodes: billingCodeID
        double RO: unitCost
        bool default=true: isActive
        long: serviceLevelAgreementID
        double: unitDiscount percentageDiscount
        {_SERVICE_TEXTS}
        """,
        verbs="query GET POST PATCH PUT DELETE",
        udf_type=10,
    ),
    entity(
        "ServiceBundleServices",
        "ServiceBundleService",
        """
        long RO: id
        long R C ref=ServiceBundles: serviceBundleID
        long R C ref=Services: serviceID
        """,
        verbs="query GET",
        parent=ParentPath(
            "ServiceBundles", "Services", "serviceBundleID", frozenset({"GET", "POST"}), frozenset({"GET", "DELETE"})
        ),
        indexed="serviceBundleID",
    ),
    entity(
        "Products",
        "Product",
        """
        long RO: id
        string(100) R: name
        bool R: isActive isSerialized
        int R ref=BillingCodes: productBillingCodeID
        int ref=BillingCodes: chargeBillingCodeID
        string(2000): description
        string(50): sku vendorProductNumber externalProductID internalProductID
        double: unitCost unitPrice msrp
        int ref=Companies: defaultVendorID
        string(100): manufacturerName manufacturerProductName
        int pick=productCategory: productCategory
        int: defaultInstalledProductCategoryID impersonatorCreatorResourceID
        int pick=periodType: periodType
        int C pick=productBilling: billingType
        int C pick=priceCostMethod: priceCostMethod
        double RO: markupRate
        string(500): link
        bool: doesNotRequireProcurement isEligibleForRma
        int RO: createdByResourceID
        datetime N: createdTime
        """,
        verbs="query GET POST PATCH PUT",
        udf_type=7,
    ),
    entity(
        "BillingCodes",
        "BillingCode",
        """
        long RO: id
        string(200) RO: name
        int RO pick=useType: useType
        int RO pick=billingCodeType: billingCodeType
        bool RO default=true: isActive
        double RO: unitCost unitPrice markupRate
        string(100) RO: externalNumber
        string(500) RO: description
        int RO pick=generalLedgerAccount: generalLedgerAccount
        int RO: department taxCategoryID afterHoursWorkType
        bool RO default=false: isExcludedFromNewContracts
        """,
        verbs="query GET",
        indexed="useType",
    ),
)
