// Drives npm's wechat-crypto: each line of standard input is a request in JSON, each line of output its answer.
//
// Usage: NODE_PATH=… node wechat_crypto_driver.js TOKEN ENCODING_AES_KEY APP_ID
'use strict';

const readline = require('readline');
const WXBizMsgCrypt = require('wechat-crypto');

const [token, key, appId] = process.argv.slice(2);
const cryptor = new WXBizMsgCrypt(token, key, appId);

const operations = {
  seal({ xml, timestamp, nonce }) {
    const encrypted = cryptor.encrypt(xml);
    return { encrypted, signature: cryptor.getSignature(timestamp, nonce, encrypted) };
  },
  open({ encrypted, signature, timestamp, nonce }) {
    if (cryptor.getSignature(timestamp, nonce, encrypted) !== signature) {
      return { refused: true };
    }
    const { message, id } = cryptor.decrypt(encrypted);
    return id === appId ? { xml: message } : { refused: true };
  },
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify(operations[request.operation](request)) + '\n');
});
