using Gateway.Billing;
using Gateway.Errors;
using Gateway.Limits;

namespace Gateway.Admission;

/// <summary>What the Admission phase would decide about a request at the moment.</summary>
/// <param name="Error">The error; <see langword="null"/> if the request would be admitted.</param>
internal sealed record AdmissionForecast(GatewayError? Error)
{
    /// <summary>The levels of the limits; <see langword="null"/> without limits, or if they are not known.</summary>
    public LimitResult? Limits { get; init; }

    /// <summary>The period of the budget; <see langword="null"/> without a budget, or if its level is not known.</summary>
    public BudgetKey? Period { get; init; }

    /// <summary>The level of the budget, without the request; the default without <see cref="Period"/>.</summary>
    public BudgetResult Budget { get; init; }

    /// <summary>The error of a budget that only reports: the request passes.</summary>
    public GatewayError? Reported { get; init; }
}
