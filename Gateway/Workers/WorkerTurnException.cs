namespace Gateway.Workers;

/// <summary>A turn could not do its work. The message gives the reason and is safe to log.</summary>
internal sealed class WorkerTurnException(string message, Exception? inner = null) : Exception(message, inner);
