namespace Gateway.Errors;

/// <summary>
/// A time limit of the gateway for upstream's response is over. It ends the transfer of the request's body as well, and YARP then reports a
/// failure of the client's or of upstream's side of the body, with this exception among its causes.
/// </summary>
internal sealed class ResponseTimeoutException() : OperationCanceledException("A time limit for upstream's response is over");
