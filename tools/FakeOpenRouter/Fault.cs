namespace FakeOpenRouter;

/// <summary>A named fault: a script under a name that requests (<c>x-fake-fault</c>) and scenarios use.</summary>
/// <param name="Name">The name.</param>
/// <param name="Script">The lines of its script; none for <see cref="Faults.Down"/>.</param>
internal sealed record Fault(string Name, params string[] Script);
