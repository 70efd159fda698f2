using Gateway.Errors;
using Gateway.Limits;

namespace Gateway.Admission;

/// <summary>The decision that the Admission phase would make about a request at the moment.</summary>
/// <param name="Error">The error; <see langword="null"/> if the request would be admitted.</param>
internal sealed record AdmissionForecast(GatewayError? Error)
{
    /// <summary>The levels of the limits; <see langword="null"/> without limits, or if they are not known.</summary>
    public LimitResult? Limits { get; init; }

    /// <summary>The levels of the team's budget and of the key's, as far as there are such and their levels are known.</summary>
    public IReadOnlyList<BudgetForecast> Budgets { get; init; } = [];

    /// <summary>The error of a budget that only reports: the request passes.</summary>
    public GatewayError? Reported { get; init; }
}
