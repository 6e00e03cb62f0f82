"""Companies, tickets, billing items and user-defined fields (Autotask reference §8.8-8.10)."""

from __future__ import annotations

from connectors.autotask.sandbox.schema import ParentPath, entity

OTHERS = (
    entity(
        "Companies",
        "Company",
        """
        long RO: id
        string(100) R: companyName
        int R pick=companyType: companyType
        int R: ownerResourceID
        string(25) R: phone
        bool default=true: isActive
        string(50): companyNumber
        int ref=Companies: parentCompanyID
        int C default=1: currencyID
        int: classification
        string(255): webAddress
        string(50): taxID
        datetime N: createDate
        datetime T: lastActivityDate lastTrackedModifiedDateTime
        string(100): additionalAddressInformation billToAdditionalAddressInformation
        string(128): address1 address2 billingAddress1 billingAddress2
        string(50): alternatePhone1 alternatePhone2 billToAttention billToCity billToState billToZipCode
        string(50): city fax postalCode state sicCode stockMarket stockSymbol
        int: apiVendorID billToCompanyLocationID billToAddressToUse billToCountryID companyCategoryID competitorID
        int: countryID invoiceEmailMessageID invoiceMethod invoiceTemplateID marketSegmentID purchaseOrderTemplateID
        int: quoteEmailMessageID quoteTemplateID taxRegionID territoryID
        int RO: createdByResourceID impersonatorCreatorResourceID
        bool: invoiceNonContractItemsToParentCompany isClientPortalActive isEnabledForComanaged isSample
        bool: isTaskFireActive isTaxExempt
        double: assetValue surveyCompanyRating
        """,
        verbs="query GET POST PATCH PUT",
        udf_type=1,
        indexed="companyName",
    ),
    entity(
        "Tickets",
        "Ticket",
        """
        long RO: id
        int R ref=Companies: companyID
        string(255) R: title
        int R pick=ticketStatus: status
        int R pick=priority: priority
        int pick=queue: queueID
        string(8000): description
        string(32000): resolution
        string RO: ticketNumber
        datetime: dueDateTime
        datetime N: createDate
        datetime T: lastActivityDate lastTrackedModificationDateTime
        int: assignedResourceID assignedResourceRoleID configurationItemID contactID issueType subIssueType
        int ref=BillingCodes: billingCodeID
        int ref=Contracts: contractID
        long ref=ContractServices: contractServiceID
        long ref=ContractServiceBundles: contractServiceBundleID
        int pick=ticketSource: source
        int pick=ticketType default=1: ticketType
        int pick=ticketCategory default=3: ticketCategory
        string(50): externalID purchaseOrderNumber rmmAlertID
        double: estimatedHours
        int: serviceLevelAgreementID opportunityID projectID companyLocationID
        datetime RO: completedDate resolvedDateTime firstResponseDateTime
        int RO: creatorResourceID createdByContactID completedByResourceID creatorType
        int RO: lastActivityPersonType lastActivityResourceID organizationalLevelAssociationID
        int RO: firstResponseAssignedResourceID firstResponseInitiatingResourceID impersonatorCreatorResourceID
        int RO: currentServiceThermometerRating previousServiceThermometerRating serviceThermometerTemperature
        int: apiVendorID changeApprovalBoard changeApprovalStatus changeApprovalType monitorTypeID problemTicketId
        int: rmaStatus rmaType
        long: monitorID
        string(4000): changeInfoField1 changeInfoField2 changeInfoField3 changeInfoField4 changeInfoField5
        datetime RO: firstResponseDueDateTime resolutionPlanDateTime resolutionPlanDueDateTime resolvedDueDateTime
        datetime RO: lastCustomerNotificationDateTime lastCustomerVisibleActivityDateTime
        double RO: hoursToBeScheduled serviceLevelAgreementPausedNextEventHours
        bool: isAssignedToComanaged isVisibleToComanaged
        bool RO: serviceLevelAgreementHasBeenMet
        """,
        verbs="query GET POST PATCH PUT",
        udf_type=5,
        indexed="companyID",
    ),
    entity(
        "BillingItems",
        "BillingItem",
        """
        long RO: id
        int RO: accountManagerWhenApprovedID
        int RO ref=BillingCodes: billingCodeID
        int RO: taxCategoryID
        int RO pick=billingItemType: billingItemType
        int RO ref=Companies: companyID
        long RO: configurationItemID
        int RO: contractBlockID
        long RO ref=ContractCharges: contractChargeID
        int RO ref=Contracts: contractID
        int RO: contractServiceAdjustmentID contractServiceBundleAdjustmentID
        int RO ref=ContractServiceBundles: contractServiceBundleID
        int RO: contractServiceBundlePeriodID
        int RO ref=ContractServices: contractServiceID
        int RO: contractServicePeriodID
        string(2000) RO: description
        int RO: expenseItemID
        double RO: extendedPrice internalCurrencyExtendedPrice internalCurrencyRate internalCurrencyTaxDollars
        double RO: internalCurrencyTotalAmount
        int RO: invoiceID itemApproverID
        date RO: itemDate
        string(255) RO: itemName lineItemFullDescription lineItemGroupDescription
        long RO: milestoneID
        int RO: nonBillable organizationalLevelAssociationID
        double RO: ourCost
        date RO: postedDate
        datetime RO: postedOnTime
        long RO: projectChargeID
        int RO: projectID
        string(50) RO: purchaseOrderNumber
        double RO: quantity rate
        int RO: roleID
        long RO ref=ServiceBundles: serviceBundleID
        long RO ref=Services: serviceID
        long RO: sortOrderID
        int RO pick=billingSubType: subType
        int RO: taskID
        double RO: taxDollars totalAmount
        long RO: ticketChargeID
        int RO: ticketID timeEntryID
        long RO: vendorID
        datetime: webServiceDate
        """,
        verbs="query GET PATCH PUT",
        indexed="contractServiceID contractID companyID",
    ),
    entity(
        "UserDefinedFieldDefinitions",
        "UserDefinedFieldDefinition",
        """
        long RO: id
        string(45) R: name
        int R C pick=udfType: udfType
        int R C pick=udfDataType: dataType
        string(128): description
        string(1024): defaultValue
        string(100): mergeVariableName
        bool default=true: isActive
        bool default=false: isRequired isPrivate isProtected isEncrypted isVisibleToClientPortal
        bool C default=false: isFieldMapping
        int pick=udfDisplayFormat: displayFormat
        int: numberOfDecimalPlaces sortOrder
        long: crmToProjectUdfId
        datetime N: createDate
        """,
        verbs="query GET POST PATCH PUT",
        indexed="udfType",
    ),
    entity(
        "UserDefinedFieldListItems",
        "UserDefinedFieldListItem",
        """
        long RO: id
        datetime N: createDate
        bool default=true: isActive
        long R C ref=UserDefinedFieldDefinitions: udfFieldId
        string(128) R: valueForDisplay
        string(128): valueForExport
        """,
        verbs="query GET",
        parent=ParentPath("UserDefinedFields", "ListItems", "udfFieldId", frozenset({"GET", "POST", "PATCH", "PUT"})),
        indexed="udfFieldId",
    ),
)
