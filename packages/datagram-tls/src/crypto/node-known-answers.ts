import type { SchemeName } from '../wire/codes.js';
import type { KeyType } from './provider.js';

/*
 * Valid signatures over {@link SIGNED_TEXT}, each made once by OpenSSL 3 with a key that was then deleted. A platform
 * that verifies one supports the algorithm. All in Base64.
 */

export const SIGNED_TEXT = 'datagram-tls';

/** SubjectPublicKeyInfo. The two RSA keys have one modulus, so that one signature is valid for both. */
export const KNOWN_KEYS: Readonly<Record<KeyType, string>> = {
  p256:
    'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElVwkwvXFhvuUoZvcE68HBTiBT1npzivfifjaDh+Q4nGy98ztn+TbSayFyo32' +
    'reYqGrI6IVUrjDDNNx8t8S+shg==',
  p384:
    'MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEjxI/aCQALpKwKtN6U9L7eM/8pq2R5LjsAwNWoq8uZBVido7wm0kcHiCMBEMETpfV' +
    '3ma0iSyz0yYLUEJAyufE3BhDWIiS/dEtdpV/vwgB+nRnlI7Qiiljh4SBu2/MQdtG',
  p521:
    'MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQA8Zu+vPECx8fcTh02n4w2MhxAHV/EJ5/LqUyieS2cUxc7QiwVz+8M4VaajZ7U' +
    'hbmqDI/JgbuyhkjTDVuxKzf79+kBW96mLWa1wHV97fj1DuwhWsB2A2Nx7fx0gHdwM/DfIKRFrHzKB4pl5PpTiANzWy/HKbzg' +
    '/aDBFtUy/ct+SGHQghY=',
  ed25519: 'MCowBQYDK2VwAyEAASO1w9O0XDfaQd4rfEiyr3RyICN0sPRveWxGcf9tUeo=',
  ed448: 'MEMwBQYDK2VxAzoAX+a+3Rh3AmCldNy61Esj4m5uUJgHYcBAUwSOrfsKllLPCFlB+7mqszxE8MWKfMxpQXGVfdHrpWUA',
  rsa:
    'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAnWSsAPncPywOSvsEG2V/7fgOwxWdtPvRnPMJay8ub2wAUMm4T590' +
    '44I1j6XjXv9O5pVuK485gbxxuitG6om+xlQE58+y5c9OkriCE7QE58t/9BybzX3SLhp7aOivoVzyrWbbNiGFM1/031AoFSzY' +
    '0+AogCuzRPvfZKUXCQpgdw1EI0OXPe354I+7cyD/bPejiDlYGi7MobA45jAftdfasSFtRqt1sL3IH9e7KdUFKjErQM0fBOo9' +
    '4DFXC0v6AYaGVkEnRajW/n4teK2jXEyUGQOgVwCOa4Znsemj1qCH6YwJ3ve57+Z1xCm/WBY7XZAFL8PzgaDQJlSOQFeJXT0J' +
    '7wIDAQAB',
  'rsa-pss':
    'MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAJ1krAD53D8sDkr7BBtlf+34DsMVnbT70ZzzCWsvLm9sAFDJuE+fdOOC' +
    'NY+l417/TuaVbiuPOYG8cborRuqJvsZUBOfPsuXPTpK4ghO0BOfLf/Qcm8190i4ae2jor6Fc8q1m2zYhhTNf9N9QKBUs2NPg' +
    'KIArs0T732SlFwkKYHcNRCNDlz3t+eCPu3Mg/2z3o4g5WBouzKGwOOYwH7XX2rEhbUardbC9yB/XuynVBSoxK0DNHwTqPeAx' +
    'VwtL+gGGhlZBJ0Wo1v5+LXito1xMlBkDoFcAjmuGZ7Hpo9agh+mMCd73ue/mdcQpv1gWO12QBS/D84Gg0CZUjkBXiV09Ce8C' +
    'AwEAAQ==',
};

const PSS = {
  sha256:
    'jxmeTI0hog8CgN1C3LiYgJuQ9moQi0EEOeOiiuO6Ir1sAL4zBnWwzeLnAvPeTdGYOPauGtTrUw+a7JNM1/8faqziC5dsdm61' +
    'ht6Iki1kCBqkp7XqcRGo3brjBuzDv8DEQjfeFeuCE1Ig4JZ2cX9rAM428UZl91zM87YGyO7plprIlLWMgrYs2SlAuY8xmBYS' +
    'ZGWh2NbyJlGuGUD3n/5SKDDk3P+C6bz6KSy5Av8tuEO64bmw8Iusx2peKRAe0VxXXBPiJe7pn2D5sXBU2MLQcdivXhQ17/jS' +
    'VDrA8EMaWJ+R+YqCsD/4w3Zo/U7HHVFlHDA0b5gpQ26/wKyY6fSDbQ==',
  sha384:
    'M1f7GZ5Wrm/uuVpSkfkGuVEqBrsrQ8j/+1re5ewKhXadROM4K4y78ym9AU/lLAUyBndhT6SnH6wwpuRYI9M7vEllt5rMLPhH' +
    'NVZnpHbi/1XgzmQU54vLVx75idVNsRn/Sw+HCQcMepmPdE/qYtr6x6aTDXk6uEbYhc3KKltfj4XWMZLbcknv/0kTHxe4VJQ8' +
    'yby1wNT9Wq0mNJacVnij2QwXtQtApwQ646Hf8QCwZnkFBlr693Sx+Z2ooL++Fei9mKsTOtLsW4EWRjNkM8jMGzlm8U6c/Vlw' +
    'cSZlhME5O12TrFUMaFrt4oMzYI3DwKEKHrfvjma4snkxPj41L5vmSQ==',
  sha512:
    'ETpJZQw93ZG7h9R9um3oDfoHXDwgXhu2U9fBV7SNsyITfoTioJV/2jxzM+V18550E2l5ZIAmLEdsaH8z1KK2/BY2B9/6KwfP' +
    'rDnYx38h4JUU4kwOWaI+ICo6zCxZKQSDoxG3mwF8+NoeJRU40iNcSK0IkPIzM9T/ipO7QXMDM/AiwmdMom/YTaOWVm6R8ypW' +
    '0PLWUg9IGN4c05QMq84hf0w+oTS9oJUZhsYKVssCGf1YbtaofvcpyG20YTpFPemOKaMH4kTr5IfltHNl75Vc2i+0ERU/CDpt' +
    'rfxogtCI9z9CSb+o9GfNiTWriFFBBY1d2X89XOzOnK6n+ak76Jb80w==',
};

/** By scheme and key; an ECDSA scheme means its hash, with a key of any curve. */
export const KNOWN_SIGNATURES: Readonly<
  Partial<Record<KeyType, Readonly<Partial<Record<SchemeName, string>>>>>
> = {
  p256: {
    ecdsa_secp256r1_sha256:
      'MEUCIQDGiLla2TB79y4H4xW3FRWaVo3Fb08RUO61f00QuM6GmwIgMMwvmSgFKwQu3CbCLAwNCumh6u+2rWHYg7lmi++CX0g=',
    ecdsa_secp384r1_sha384:
      'MEYCIQCmYV6c2pfpYO18mZ9BP4OUl+cj65IBbsvWvZWPTd4dugIhAIigkoJNqJodUx1YI8Im5HUUsGQ1kOAIl5QNJMn3Xfyd',
    ecdsa_secp521r1_sha512:
      'MEQCIBcIUizcBE+6N1IH6FvZCHp/45/h0eyA2rwT1p4wYjg1AiAjpU+oJ6EUAzASlPn5CNl2mYuf3cpDM0DBeCB6fJ/Oeg==',
  },
  p384: {
    ecdsa_secp256r1_sha256:
      'MGUCMB7p8Ivm4DUCkL/mH0+cb21l6zh8wbRVkYC9pkB5Zo5PXcg8nHTak/SshdiXk0peWgIxALqpVQ4nFJJHzZXkwXSzfnFQ' +
      'TqQZSnVikqjbVDKbcK1eu+lLlwDSEoWhtj7vwgqMWA==',
    ecdsa_secp384r1_sha384:
      'MGQCMDruCX4xgvTEuEX3bF0oLn4ebKYMfW/dxHb0yiW2/f5guNFj0EkZ2yR7ukRsChq+wwIwaqDhIW0W1eLh/s+5jQVQ766+' +
      'dV47knh3hGI4QuqHhGYoiQ6R8+yH/RSfRjhtgsQo',
    ecdsa_secp521r1_sha512:
      'MGYCMQD6f34rhj4PYOeDLZ/8A8yf6ODmimNyqe+eBMZu+aww5+z0gRs/9esdts0nn9jPAzwCMQDyY/ThAMf++sQIRcsZN7/b' +
      'bdOVKqezLJG20B8P5t5h4g5GCGkLm+/P+2Hpt9ujAYA=',
  },
  p521: {
    ecdsa_secp256r1_sha256:
      'MIGIAkIBqtRQt1P7MkSMnE8CLmlNFzkjxN3Otw5fn5/fxqw85ibj9yQv+dsfLqCRDtBkYK8Scbh4VlSNhDMB2UUU6Ic6Rg4C' +
      'QgE0Ae4kN1YvOvSirLVJCTx0JMGoShkj1glG6F+wwATVjb1TCBLa+JTFTH3xZIDUYDvLwVrodTNHMJZflIco7qxndA==',
    ecdsa_secp384r1_sha384:
      'MIGHAkIArHL2YBprKfKBO/TOaQ50Sp8BtVChyZfiINMFZcZaLXnOu3r8SRlHxwWC0S06E2Ashfk5LTvmRYXIst/koD2/JhcC' +
      'QRSGBUGQp1JPLkQQWE8beEHLmwrXTPMPTWGlCxfuGLYhlsMuLlGaO3ZgtQ7kFxC8UvNR9SkCQUSLWF79Xh/Qe/Ao',
    ecdsa_secp521r1_sha512:
      'MIGIAkIBLpqwu9b69mAvTfbbTWLedHFN7RGQUT1NHB6/d8ttCVCLbKrMT01CtPGUUcD5nXx0+8xPykqWOBDOD13knmQ+joUC' +
      'QgGxh4wSNkKV41N1j1qY7WuXDmJknkqPPOag0UpzuFIUCfFqTVz2jacJUDYbZw0XSvg0Ux9GmWEbmKQlXJQw8GkC4g==',
  },
  ed25519: {
    ed25519: 'wWzpA8NLTAtC1oCQb+9MNowyTrS7h8Yxwj9ENbLFFVYkkGHqw4LOe1k8gVWWIsZ0FAJlDxXAgtVD5+MEgObfDQ==',
  },
  ed448: {
    ed448:
      'HxYvCaS4WKdmjRn45JlWDP/d+MM4wMiOjH+4LbBPpRORAOr08S47Dm2Trndno6ZcRiupYny8RS0Abs+XytBy5gUe08+GTdO5' +
      'XsMJlgEHQW5sG+6ccAThsJkXVHozNPhVcPeJl0u9nJ42Qr+ju8qR/BUA',
  },
  rsa: {
    rsa_pkcs1_sha256:
      'I4F80bawkzcK/FYZwuFKG1VVnKkaJQS1m5Ln1Gmflz+/bfat0CqOcL4Ez8pBKXyYhChMldgAoldrLeJU41jjTJqQPVz4wyW9' +
      'iUqMpMBtktpQ3Hv+IrUcq0UEMhZeny8N3fzIRsaxpz3N0zlB4xFB8ki84S7uoaiR5vLheilMMh5Ul+CXn+tqS7xMN73aC6M4' +
      'eHuaTka7uQh6jooWBCrkKlUuFFhZksvsvtHFVwnWFffrUFH9R+eQTd08IeEZb49PqywXENEG3OFb6N0BPY5yPUJKFLarjWaS' +
      '6TGStgPNQR1s4kvCbwVlM5IFajbvWo+rPOkECipKnYDCjqLEF7iWfw==',
    rsa_pss_rsae_sha256: PSS.sha256,
    rsa_pkcs1_sha384:
      'Jdkyv0IZNLmAHEEnYdkyusShT6Y5EfMdqhPTek9l/AD0g3hs87Twc8Z6BB6/DNxqJNZGfakbw5K/bQfVGLy8cYPiFO7yMIj7' +
      'HI5iuJ+umssHkbg1Rm1jQS4y1ELKZzQ9iYKbWrYMEkQ0JGNZ/+pdEGzqMZfcG629VqVO5NA2j7lO5JUTguR7ENACtlYNcjfN' +
      'imR/TGS8DnoZmVv9t1IQKpo1HhUeU0jEVNGAevkvla8XX/MP2uzgH/pPw4PVMUx7qjAKZtK1vNoSd+rIN+YMnj6ohAORdUBs' +
      'D1QJcipoLX0mMfLSIE/lIYIBN6AHIPbg+NAHEQBktoS6n1iPaenPYw==',
    rsa_pss_rsae_sha384: PSS.sha384,
    rsa_pkcs1_sha512:
      'j6r5gIhGjW9Pher2Z55xzKdBPxkw0NXIrURolHxJ/PzdkCPy0p/FYS4VckdmNGxtSqSYa4DluThL0hc3XO7mD5RvMdS6EcaY' +
      'aeL3Zff01RyjmvWecZG1F5jXZbLMgaXw3fj2npQUcxCEQpj0Wb4hDOcHDfSR2tXQGdU7dHBAxaR3eaLOgTtp9JprHmzW5CaV' +
      'IjQ356Wp8kvaiWsDkoP+0xLhMk7RdcKPCtRkC6dr1sBdb2v8KtV8xomrJLANuHXX9RgtGLGBu+nhGxrrRCqUEH0ZwVS8ewag' +
      'NTfIet8iPmFzCUzXk96v+FCbPA4oRzRDgVYBJH0GZoQduUa/32xPNg==',
    rsa_pss_rsae_sha512: PSS.sha512,
  },
  'rsa-pss': {
    rsa_pss_pss_sha256: PSS.sha256,
    rsa_pss_pss_sha384: PSS.sha384,
    rsa_pss_pss_sha512: PSS.sha512,
  },
};
