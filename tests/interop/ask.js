// Asks the hub as a programmer would who has only its address: the schema comes by reflection, over mutual TLS.
// Takes one argument, JSON: address, authority, certificate, key (paths), number, modules. Prints what it got, as JSON.
const { createRequire } = require("node:module");
const { randomBytes } = require("node:crypto");
const { readFileSync } = require("node:fs");

const given = JSON.parse(process.argv[2]);
const load = createRequire(given.modules + "/");
const grpc = load("@grpc/grpc-js");
const { GrpcReflection } = load("grpc-js-reflection-client");

const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const signed = (it) => ({
  statement: base64(it.statement),
  signature: base64(it.signature),
  keyId: it.key_id,
  entry: base64(it.entry),
  receipt: base64(it.receipt),
});

async function main() {
  const credentials = grpc.credentials.createSsl(
    readFileSync(given.authority),
    readFileSync(given.key),
    readFileSync(given.certificate),
  );
  const reflection = new GrpcReflection(given.address, credentials);
  const services = await reflection.listServices();
  const descriptor = await reflection.getDescriptorBySymbol("mianzheng.v1.VerificationService");
  const { VerificationService } = descriptor.getPackageObject({ keepCase: true, enums: String, longs: String }).mianzheng.v1;
  const client = new VerificationService(given.address, credentials);
  const call = (method, request) =>
    new Promise((done, failed) => client[method](request, (error, reply) => (error ? failed(error) : done(reply))));

  const parties = [{ role: "applicant", number: given.number }];
  const opened = await call("OpenCase", {
    item: "senior_allowance",
    parties,
    operator: "0731",
    legal_basis: "tests",
    presence: "PRESENCE_OPERATOR_WORD",
    nonce: randomBytes(16),
  });
  const { case_number, case_token } = opened;
  const question = () => ({ case_number, case_token, parties, nonce: randomBytes(16) });
  const encoded = (it) => VerificationService.service.VerifyItem.requestSerialize(it);

  const asked = question();
  const answer = await call("VerifyItem", asked);
  const answers = [{ request: base64(encoded(asked)), signed: signed(answer.signed) }];

  const several = [question(), question()].map(encoded);
  const batch = await call("VerifyBatch", { questions: several });
  batch.answered.forEach((each, at) => answers.push({ request: base64(several[at]), signed: signed(each.signed) }));

  const streamed = [question(), question(), question()].map(encoded);
  await new Promise((done, failed) => {
    const stream = client.VerifyStream();
    stream.on("data", (message) => {
      for (const each of message.answered) {
        answers.push({ request: base64(streamed[Number(each.number) - 1]), signed: signed(each.signed) });
      }
    });
    stream.on("end", done);
    stream.on("error", failed);
    streamed.forEach((each, at) => stream.write({ questions: [{ number: at + 1, question: each }] }));
    stream.end();
  });

  await call("CloseCase", { case_number, case_token });
  const refusal = await call("VerifyItem", question()).catch((error) => ({ code: error.code, details: error.details }));
  console.log(JSON.stringify({ services, answers, refusal }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
