// The Runtime API loop of Node functions.
//
// It speaks HTTP over a raw socket, because the http module is slower to load
// and to use. The words of its errors are those of AWS's own runtime.
'use strict';

const fs = require('fs');
const net = require('net');
const path = require('path');
const util = require('util');

const API = '/2018-06-01/runtime/';
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');

// One keep-alive connection. It holds the process alive only while the
// runtime waits for its next invocation, so that an empty event loop is seen.
class Client {
  constructor(address) {
    const [host, port] = address.split(':');
    this.address = address;
    this.data = [];
    this.size = 0;
    this.waiting = null;
    this.socket = net.connect(Number(port), host);
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.receive(chunk));
    this.socket.on('error', () => process.exit(0));
    this.socket.on('close', () => process.exit(0)); // the platform has gone
  }

  receive(chunk) {
    this.data.push(chunk);
    this.size += chunk.length;
    if (this.waiting && this.size >= this.waiting.need) this.parse();
  }

  parse() {
    const all = this.data.length === 1 ? this.data[0] : Buffer.concat(this.data, this.size);
    this.data = [all];
    const w = this.waiting;
    if (!w.headers) {
      const end = all.indexOf('\r\n\r\n');
      if (end < 0) return;
      const lines = all.toString('utf8', 0, end).split('\r\n');
      w.status = Number(lines[0].split(' ')[1]);
      w.headers = {};
      for (let i = 1; i < lines.length; i++) {
        const colon = lines[i].indexOf(':');
        w.headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
      }
      w.start = end + 4;
      w.need = w.start + Number(w.headers['content-length'] || 0);
    }
    if (all.length < w.need) return;
    this.data = all.length > w.need ? [all.subarray(w.need)] : [];
    this.size = all.length - w.need;
    this.waiting = null;
    w.done({ status: w.status, headers: w.headers, body: all.subarray(w.start, w.need) });
  }

  answer(done) {
    this.waiting = { need: 0, headers: null, done };
    if (this.size > 0) this.parse();
  }

  get(name, done) {
    this.socket.write(`GET ${API}${name} HTTP/1.1\r\nHost: ${this.address}\r\n\r\n`);
    this.answer(done);
  }

  head(name, type, more) {
    return `POST ${API}${name} HTTP/1.1\r\nHost: ${this.address}\r\nContent-Type: ${type}\r\n${more}\r\n`;
  }

  post(name, type, text, extra, done) {
    const body = Buffer.from(text);
    this.socket.write(Buffer.concat([
      Buffer.from(this.head(name, type, `${extra}Content-Length: ${body.length}\r\n`)), body]));
    this.answer(done);
  }
}

// What happens when the event loop is empty.
let onEmpty = () => {};
process.on('beforeExit', () => onEmpty());

// Errors.

function typed(name, message, code) {
  const e = new Error(message);
  e.name = 'Runtime.' + name;
  if (code) e.code = code;
  return e;
}

function wrapped(name, cause) {
  const e = typed(name, cause.message !== undefined ? String(cause.message) : String(cause));
  if (name === 'UserCodeSyntaxError') e.message = cause.toString();
  if (name === 'ImportModuleError') e.message = cause.toString();
  e.stack = name === 'UserCodeSyntaxError' ? String(cause.stack) : `${e.name}: ${e.message}\n${frames(new Error())}`;
  return e;
}

function frames(e) {
  return String(e.stack).split('\n').slice(1).join('\n');
}

function isError(e) {
  return e instanceof Error || util.types.isNativeError(e);
}

function errorPayload(e) {
  try {
    if (isError(e)) {
      return {
        errorType: String(e.name).replace(/\x7F/g, '%7F'),
        errorMessage: String(e.message).replace(/\x7F/g, '%7F'),
        trace: String(e.stack).replace(/\x7F/g, '%7F').split('\n'),
        ...(e.reason === undefined ? {} : { reason: e.reason, promise: e.promise }),
      };
    }
    return { errorType: typeof e, errorMessage: String(e), trace: [] };
  } catch {
    return { errorType: 'handled', errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack', trace: [] };
  }
}

function errorForLog(e) {
  if (!isError(e)) return { errorType: typeof e, errorMessage: String(e), stack: [] };
  return Object.assign({ errorType: e.name, errorMessage: e.message }, e, { stack: String(e.stack).split('\n') });
}

function toJSON(v) {
  const seen = new WeakSet();
  return JSON.stringify(v, (_, x) => {
    if (typeof x === 'bigint') return String(x);
    if (x !== null && typeof x === 'object') {
      if (seen.has(x)) return undefined;
      seen.add(x);
    }
    return x;
  });
}

function logError(what, e) {
  if (JSONLogs) console.error(isError(e) ? e : errorForLog(e));
  else console.error(what, toJSON(errorForLog(e)));
}

function errorTypeHeader(e) {
  const type = String(e.errorType).replace(/[^\x20-\x7e]/g, '?').slice(0, 255);
  return `Lambda-Runtime-Function-Error-Type: ${type}\r\n`;
}

// The console, in the format of Lambda's log.

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
let JSONLogs = false;

function jsonLine(level, time, args) {
  const line = { timestamp: time, level, requestId: global[REQUEST_ID] };
  const error = (e) => ({ errorType: e.name, errorMessage: e.message, stackTrace: String(e.stack).split('\n') });
  if (args.length === 1) {
    line.message = isError(args[0]) ? error(args[0]) : args[0];
  } else {
    line.message = util.format(...args);
    const e = args.find(isError);
    if (e) Object.assign(line, error(e));
  }
  try { return JSON.stringify(line); } catch { return JSON.stringify({ ...line, message: util.format(...args) }); }
}

function write(level, args) {
  const time = new Date().toISOString();
  const line = JSONLogs ? jsonLine(level, time, args) : `${time}\t${global[REQUEST_ID]}\t${level}\t${util.format(...args)}`;
  process.stdout.write(line.replace(/\n/g, '\r') + '\n');
}

function patchConsole() {
  JSONLogs = (process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
  const least = Math.max(LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase()), 0);
  LEVELS.forEach((level, i) => {
    console[level.toLowerCase()] = i >= least ? (...args) => write(level, args) : () => {};
  });
  console.log = console.info;
}

// Loading the function.

class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType('application/vnd.awslambda.http-integration-response');
    stream._prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]);
    return stream;
  }
}

global.awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = 'response';
    if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = options.highWaterMark;
    return handler;
  },
  HttpResponseStream,
};

function isModuleFolder(folder) {
  for (; !folder.endsWith('/node_modules'); folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'))).type === 'module';
    } catch (e) {
      if (e.code !== 'ENOENT' && e.code !== 'ENOTDIR') return false;
    }
    if (folder === '/') return false;
  }
  return false;
}

async function loadModule(root, folder, name) {
  const file = path.resolve(root, folder, name);
  const esm = isModuleFolder(path.dirname(file));
  const typescript = Number(process.versions.node.split('.')[0]) >= 24;
  const tries = [['', false], ['.js', esm], ['.mjs', true], ['.cjs', false]];
  if (typescript) tries.push(['.ts', esm], ['.mts', true], ['.cts', false]);
  for (const [extension, asModule] of tries) {
    const full = file + extension;
    if (!fs.existsSync(full) || !fs.statSync(full).isFile()) continue;
    return asModule ? import(full) : require(full);
  }
  return require(require.resolve(name, { paths: [root, folder] }));
}

async function load(root, handler) {
  if (handler.includes('..')) {
    throw typed('MalformedHandlerName', `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const base = path.basename(handler);
  const folder = handler.slice(0, handler.indexOf(base));
  const match = base.match(/^([^.]*)\.(.*)$/);
  if (!match) throw typed('MalformedHandlerName', 'Bad handler');
  let module;
  try {
    module = await loadModule(root, folder, match[1]);
  } catch (e) {
    if (e instanceof SyntaxError) throw wrapped('UserCodeSyntaxError', e);
    if (e?.code === 'MODULE_NOT_FOUND' || e?.code === 'ERR_MODULE_NOT_FOUND') throw wrapped('ImportModuleError', e);
    throw e;
  }
  const found = match[2].split('.').reduce((o, key) => o && o[key], module);
  if (!found) throw typed('HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof found !== 'function') throw typed('HandlerNotFound', `${handler} is not a function`);
  if (found[STREAMING] && found[STREAMING] !== 'response') {
    throw typed('MalformedStreamingHandler', 'Only response streaming is supported.');
  }
  return found;
}

// One invocation.

function parseHeader(headers, name) {
  return headers[name] ? JSON.parse(headers[name]) : undefined;
}

function baseContext(headers) {
  const env = process.env;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseHeader(headers, 'lambda-runtime-client-context'),
    identity: parseHeader(headers, 'lambda-runtime-cognito-identity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function stringify(result) {
  try {
    return JSON.stringify(result === undefined ? null : result);
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

class Runtime {
  constructor(client, handler) {
    this.client = client;
    this.handler = handler;
    this.current = null;
  }

  next() {
    this.current = null;
    onEmpty = () => {};
    this.client.socket.ref();
    this.client.get('invocation/next', (answer) => {
      if (answer.status !== 200) process.exit(1);
      this.client.socket.unref();
      this.run(answer.headers, answer.body);
    });
  }

  // An invocation is settled once, by whatever comes first.
  settle(id) {
    if (this.current !== id) return false;
    this.current = null;
    onEmpty = () => {};
    this.client.socket.ref();
    return true;
  }

  fail(id, e, then = () => this.next()) {
    if (!this.settle(id)) return;
    logError('Invoke Error', e);
    const payload = errorPayload(e);
    this.client.post(`invocation/${id}/error`, 'application/json', toJSON(payload), errorTypeHeader(payload), then);
  }

  succeed(id, result) {
    let text;
    try {
      text = stringify(result);
    } catch (e) {
      return this.fail(id, e);
    }
    if (this.settle(id)) this.client.post(`invocation/${id}/response`, 'application/json', text, '', () => this.next());
  }

  run(headers, body) {
    const id = headers['lambda-runtime-aws-request-id'];
    this.current = id;
    global[REQUEST_ID] = id;
    if (headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    else delete process.env._X_AMZN_TRACE_ID;
    onEmpty = () => this.deserted(id);
    try {
      const event = JSON.parse(body.toString());
      if (this.handler[STREAMING]) this.stream(id, event, baseContext(headers));
      else this.call(id, event, baseContext(headers));
    } catch (e) {
      this.fail(id, e);
    }
  }

  // The event loop is empty and nobody answered.
  deserted(id) {
    if (this.handler.constructor?.name !== 'AsyncFunction') return this.succeed(id, null);
    this.fail(id, typed('NodeJsExit', 'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes'));
  }

  call(id, event, context) {
    let waits = true;
    let called = false;
    const done = (error, result) => {
      if (error !== undefined && error !== null) this.fail(id, error);
      else this.succeed(id, result);
    };
    const once = (f) => (...args) => {
      if (called) return;
      called = true;
      f(...args);
    };
    Object.defineProperty(context, 'callbackWaitsForEmptyEventLoop', {
      enumerable: true, get: () => waits, set: (v) => { waits = v; },
    });
    context.done = once(done);
    context.succeed = once((result) => done(null, result));
    context.fail = once((error) => done(error === undefined || error === null ? 'handled' : error));
    const callback = once((error, result) => {
      if ((error !== undefined && error !== null) || !waits) return done(error, result);
      onEmpty = () => done(null, result);
    });
    const result = this.handler(event, context, callback);
    if (typeof result?.then === 'function') result.then((r) => this.succeed(id, r), (e) => this.fail(id, e));
  }

  stream(id, event, context) {
    const stream = responseStream(this.client, id, this.handler[HIGH_WATER_MARK]);
    let waits = true;
    Object.defineProperty(context, 'callbackWaitsForEmptyEventLoop', {
      enumerable: true, get: () => waits, set: (v) => { waits = v; },
    });
    const finished = () => {
      if (this.settle(id)) this.client.answer(() => this.next());
    };
    stream.on('error', (e) => this.breakOff(id, stream, e));
    stream._finished = finished;
    const result = this.handler(event, stream, context);
    if (typeof result?.then !== 'function') {
      return this.breakOff(id, stream, typed('MalformedStreamingHandler', 'Streaming handler must be an async function.'));
    }
    result.then(() => {
      if (!stream.writableEnded && !stream.destroyed) stream.end();
    }, (e) => this.breakOff(id, stream, e));
  }

  // An error before the first byte is an ordinary one; later it goes into the
  // trailers of the answer.
  breakOff(id, stream, e) {
    if (this.current !== id) return;
    if (!stream._begun) {
      stream._broken = true;
      return this.fail(id, e);
    }
    logError('Invoke Error', e);
    stream._broken = true;
    const payload = errorPayload(e);
    this.settle(id);
    this.client.socket.write(`0\r\n${errorTypeHeader(payload)}Lambda-Runtime-Function-Error-Body: ${Buffer.from(toJSON(payload)).toString('base64')}\r\n\r\n`);
    this.client.answer(() => this.next());
  }
}

function responseStream(client, id, highWaterMark) {
  const { Writable } = require('stream');
  let type = 'application/octet-stream';
  const begin = () => {
    if (stream._begun) return;
    stream._begun = true;
    client.socket.write(client.head(`invocation/${id}/response`, type,
      'Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n' +
      'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n'));
    if (stream._prelude) chunk(stream._prelude);
  };
  const chunk = (data, callback) => {
    if (data.length === 0) return callback?.();
    client.socket.cork();
    client.socket.write(`${data.length.toString(16)}\r\n`);
    client.socket.write(data);
    client.socket.write('\r\n', callback);
    client.socket.uncork();
  };
  const stream = new Writable({
    highWaterMark,
    write(data, encoding, callback) {
      if (stream._broken) return callback();
      begin();
      chunk(Buffer.isBuffer(data) ? data : Buffer.from(data, encoding), callback);
    },
    final(callback) {
      if (!stream._broken) {
        begin();
        client.socket.write('0\r\n\r\n');
        stream._finished();
      }
      callback();
    },
  });
  // Objects and numbers are written as JSON, as AWS's own stream does.
  const plainWrite = stream.write.bind(stream);
  stream.write = (data, ...rest) => plainWrite(
    typeof data === 'string' || ArrayBuffer.isView(data) ? data : JSON.stringify(data), ...rest);
  stream._begun = false;
  stream.setContentType = (t) => {
    if (stream._begun) throw typed('InvalidStreamingOperation', 'Cannot set content-type, too late.');
    type = String(t).replace(/[^\x20-\x7e]/g, '');
  };
  return stream;
}

// Errors that nobody caught end the process, after the invocation was told.

function watchUncaught(client, state) {
  const end = (what, e, code) => {
    logError(what, e);
    const payload = errorPayload(e);
    const id = state.runtime?.current;
    if (state.runtime && !id) process.exit(code);
    client.socket.ref();
    client.waiting = null;
    client.post(id ? `invocation/${id}/error` : 'init/error', 'application/json', toJSON(payload), errorTypeHeader(payload), () => process.exit(code));
  };
  process.on('uncaughtException', (e) => end('Uncaught Exception', e, 129));
  process.on('unhandledRejection', (reason, promise) => {
    const e = typed('UnhandledPromiseRejection', isError(reason) ? reason.toString() : String(reason));
    e.reason = isError(reason) ? errorForLog(reason) : reason;
    e.promise = {};
    end('Unhandled Promise Rejection', e, 128);
  });
}

// Plays one invocation, with a platform of its own, so that what the first one
// needs is loaded and compiled.
async function rehearse() {
  const { once } = require('events');
  const server = net.createServer((platform) => {
    let asked = 0;
    platform.on('data', (data) => {
      if (data.toString().startsWith('POST')) platform.write('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n');
      else if (asked++ > 0) server.emit('played');
      else platform.write('HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 0\r\nLambda-Runtime-Deadline-Ms: 0\r\nContent-Length: 2\r\n\r\n{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new Client(`127.0.0.1:${server.address().port}`);
  new Runtime(client, async (event) => event).next();
  await once(server, 'played');
  client.socket.removeAllListeners();
  client.socket.destroy();
  server.close();
  await once(server, 'close');
  onEmpty = () => {};
  delete global[REQUEST_ID];
}

// Booted ahead: nothing of the function is here yet. On file 3 it says that it
// waits, and reads a directory and an environment. They come whole, when the
// other end is closed; nothing comes when there will be no work.
async function waitForWork() {
  process.argv.splice(2);
  // What the first request would load.
  void process.stdout;
  void process.stderr;
  await import('node:fs');
  await rehearse();
  fs.writeSync(3, '1');
  const parts = [];
  for (;;) {
    const part = Buffer.alloc(65536);
    const n = fs.readSync(3, part);
    if (n === 0) break;
    parts.push(part.subarray(0, n));
  }
  fs.closeSync(3);
  const [directory, ...environment] = Buffer.concat(parts).toString().split('\0');
  if (!directory) process.exit(0);
  const given = Object.fromEntries(environment.slice(0, -1).map((variable) => {
    const at = variable.indexOf('=');
    return [variable.slice(0, at), variable.slice(at + 1)];
  }));
  for (const name of Object.keys(process.env)) if (given[name] === undefined) delete process.env[name];
  // Setting TZ, even to what it was, has all of its zone's data loaded again.
  for (const name of Object.keys(given)) if (process.env[name] !== given[name]) process.env[name] = given[name];
  process.chdir(directory);
}

async function main() {
  if (process.argv[2] === 'wait') await waitForWork();
  patchConsole();
  const client = new Client(process.env.AWS_LAMBDA_RUNTIME_API);
  const state = { runtime: null };
  watchUncaught(client, state);
  let handler;
  try {
    handler = await load(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
  } catch (e) {
    logError('Uncaught Exception', e);
    const payload = errorPayload(e);
    client.post('init/error', 'application/json', toJSON(payload), errorTypeHeader(payload), () => process.exit(129));
    return;
  }
  state.runtime = new Runtime(client, handler);
  state.runtime.next();
}

main();
