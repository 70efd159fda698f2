namespace Soak.Chaos;

/// <summary>A generation in the book of an upstream.</summary>
/// <param name="Id">Its id.</param>
/// <param name="ScriptId">The id of the call.</param>
/// <param name="Cost">Its cost in pico-dollars.</param>
/// <param name="IsBilled">Whether it is billed; errors are not.</param>
/// <param name="Questions">How often its bill was asked for.</param>
internal sealed record BookedCall(string Id, string ScriptId, long Cost, bool IsBilled, int Questions);
