namespace Gateway.Admin;

/// <summary>The admin address cannot be bound: a fault of the start. The message names the setting.</summary>
internal sealed class AdminListenException(string message, Exception? inner = null) : Exception(message, inner);
