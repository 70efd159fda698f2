using Gateway.Billing;
using Gateway.Limits;
using Gateway.Primitives;

namespace Gateway.Tests.Gateway.Workers;

/// <summary>A budget of ten pico-dollars charged, three of them reserved, that throws as long as it is told to.</summary>
internal sealed class ThrowingBudgetPreview : IBudgetPreview
{
    public Func<Exception>? Fault { get; set; }

    public ValueTask<BudgetResult> PreviewAsync(BudgetKey key, PicoDollars limit, PicoDollars amount) => Fault is { } fault
        ? throw fault()
        : new ValueTask<BudgetResult>(new BudgetResult(true, new PicoDollars(10), new PicoDollars(3)));
}
