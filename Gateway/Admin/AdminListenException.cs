namespace Gateway.Admin;

/// <summary>The admin address is invalid or cannot be bound. The message names the setting.</summary>
internal sealed class AdminListenException(string message, Exception? inner = null) : Exception(message, inner);
